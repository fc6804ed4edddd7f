#!/bin/sh
# For the image's build stage: what Debian 13's archives lack for a static link, from the source
# packages of the versions that are installed.
set -eu

libraries=/usr/lib/$OOMTRAIL_TRIPLET
export PKG_CONFIG_LIBDIR="$libraries/pkgconfig:/usr/share/pkgconfig"
hardened='-O2 -DNDEBUG -D_FORTIFY_SOURCE=2 -fstack-protector-strong'

# source_of PACKAGE DIRECTORY: its source, unpacked there.
source_of() {
  mkdir "$2"
  cd "$2"
  apt-get -q source "$(dpkg-query -W -f '${source:Package}=${source:Version}' "$1")"
  cd ./*/
}

scratch=$(mktemp -d)
set -x
# cpp-httplib comes as a shared library only. Its users are told what to compile with: so is it.
source_of "libcpp-httplib-dev:$1" "$scratch/httplib"
python3 ./split.py -o split
# shellcheck disable=SC2046,SC2086 # flags, to be split
"$OOMTRAIL_TRIPLET-g++" -std=c++17 $hardened $(pkg-config --cflags cpp-httplib) -Isplit \
  -c split/httplib.cc -o httplib.o
"$OOMTRAIL_TRIPLET-ar" rcsD "$libraries/libcpp-httplib.a" httplib.o

# libelf.a calls eu-search.o, which is in a library that elfutils does not install.
source_of "libelf-dev:$1" "$scratch/elf"
# shellcheck disable=SC2086 # flags, to be split
"$OOMTRAIL_TRIPLET-gcc" -std=gnu99 -D_GNU_SOURCE $hardened -Ilib -c lib/eu-search.c -o eu-search.o
"$OOMTRAIL_TRIPLET-ar" rsD "$libraries/libelf.a" eu-search.o
rm -rf "$scratch"
