#!/bin/sh
# For the image's build stage: an archive of cpp-httplib beside the shared library that Debian ships,
# from the source package of the installed version, with the flags its users are told to compile with.
set -eu

version=$(dpkg-query -W -f '${source:Version}\n' 'libcpp-httplib-dev:*')
scratch=$(mktemp -d)
cd "$scratch"
apt-get -q source "cpp-httplib=$version"
cd cpp-httplib-*/
python3 split.py -o split
export PKG_CONFIG_LIBDIR=/usr/lib/$OOMTRAIL_TRIPLET/pkgconfig:/usr/share/pkgconfig
# shellcheck disable=SC2046 # flags, to be split
"$OOMTRAIL_TRIPLET-g++" -std=c++17 -O2 -DNDEBUG -D_FORTIFY_SOURCE=2 -fstack-protector-strong \
  $(pkg-config --cflags cpp-httplib) -Isplit -c split/httplib.cc -o httplib.o
"$OOMTRAIL_TRIPLET-ar" rcsD "/usr/lib/$OOMTRAIL_TRIPLET/libcpp-httplib.a" httplib.o
rm -rf "$scratch"
