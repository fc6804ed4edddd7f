# shellcheck shell=bash
# What the house needs from the distribution: the one list. Sourced.
#
# The image's build stage (Dockerfile) takes `build` and `static` from here: programs for the machine
# that builds, libraries (pc:) for the one that the image is for.
#
# A line: group, Debian package, and what proves on another distribution that it is there: a
# command, a pkg-config module (pc:), or a file below /usr (file:, may be a pattern).

packages() {
  cat <<'END'
build  g++                      g++
build  make                     make
build  cmake                    cmake
build  ninja-build              ninja
build  ccache                   ccache
build  clang                    clang
build  llvm                     llvm-strip
build  bpftool                  bpftool
build  pkg-config               pkg-config
build  libbpf-dev               pc:libbpf
build  libelf-dev               pc:libelf
build  zlib1g-dev               pc:zlib
build  libgrpc++-dev            pc:grpc++
build  libprotobuf-dev          pc:protobuf
build  protobuf-compiler        protoc
build  protobuf-compiler-grpc   grpc_cpp_plugin
build  libcpp-httplib-dev       pc:cpp-httplib
build  libbrotli-dev            pc:libbrotlicommon
build  libssl-dev               pc:openssl
build  libsqlite3-dev           pc:sqlite3
build  nlohmann-json3-dev       file:include/nlohmann/json.hpp
build  libcli11-dev             file:include/CLI/CLI.hpp
build  libabsl-dev              pc:absl_statusor
build  libc-ares-dev            pc:libcares
build  libre2-dev               pc:re2
build  python3                  python3
build  libgtest-dev             pc:gtest
build  libgmock-dev             pc:gmock
build  libbenchmark-dev         pc:benchmark
static libzstd-dev              pc:libzstd
static ca-certificates          file:sbin/update-ca-certificates
static dpkg-dev                 dpkg-source
test   libclang-rt-dev          file:lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a
test   qemu-system-x86          qemu-system-x86_64
test   qemu-system-arm          qemu-system-aarch64
test   busybox-static           busybox
test   containerd               containerd
test   openssl                  openssl
test   runc                     runc
test   iproute2                 ip
test   python3-venv             file:lib/python3*/ensurepip/__init__.py
test   python3-jsonschema       file:lib/python3/dist-packages/jsonschema/__init__.py
test   python3-yaml             file:lib/python3/dist-packages/yaml/__init__.py
test   prometheus               promtool
test   etcd-server              etcd
test   e2fsprogs                mke2fs
test   kmod                     depmod
image  buildah                  buildah
image  mmdebstrap               mmdebstrap
bench  bpftrace                 bpftrace
lint   git                      git
lint   clang-format             clang-format
lint   clang-tidy               clang-tidy
lint   shellcheck               shellcheck
lint   pyflakes3                pyflakes3
END
}

# here <proof>: whether it is there. For machines without dpkg.
here() {
  case $1 in
    pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
    file:*) compgen -G "/usr/${1#file:}" >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

# missing_packages <group>...: the names of those that are not installed, one a line.
missing_packages() {
  local wanted=" $* " group package proof installed=
  if command -v dpkg-query >/dev/null; then
    installed=$(dpkg-query -W -f '${binary:Package} ${db:Status-Status}\n' |
      sed -nE 's/^([^ :]+)(:[^ ]+)? installed$/\1/p')
  fi
  packages | while read -r group package proof; do
    [[ $wanted == *" $group "* ]] || continue
    if [ -n "$installed" ]; then
      grep -qxF -- "$package" <<<"$installed" || printf '%s\n' "$package"
    else
      here "$proof" || printf '%s\n' "$package"
    fi
  done | sort -u
}
