#!/usr/bin/env bash
# image.sh [ARCH...]: the image for amd64, arm64 (by default this machine's) as an OCI archive,
# build/image/oomtrail-<arch>.oci.tar, by Docker where an engine answers, else by buildah.
#
# The same commit and the same base give the same digest: the only time in it is the commit's.
# ATTEMPT=N compiles and links again where a builder's cache would answer.
set -euo pipefail
. "$(dirname "$0")/common.sh"

NAME=ghcr.io/oomtrail/oomtrail
RELEASE=trixie
out=$ROOT/build/image

version=$(sed -nE 's/^project\(oomtrail VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
[ -z "$(git status --porcelain 2>/dev/null)" ] || revision+=-dirty
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}

arguments=(
  --build-arg "VERSION=$version"
  --build-arg "REVISION=$revision"
  --build-arg "CREATED=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)"
  --build-arg "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH"
  --build-arg "ATTEMPT=${ATTEMPT:-1}"
)
[ -z "${BASE:-}" ] || arguments+=(--build-arg "BASE=$BASE")

with_docker() {
  docker build "${arguments[@]}" --provenance=false --platform "linux/$1" -t "$NAME:$version" "$ROOT"
  docker save -o "$2" "$NAME:$version"
}

# ---- buildah: with storage of its own, and a base made from the mirror that this machine uses ----

STORE=$OOMTRAIL_CACHE/containers
driver=overlay
buildah() {
  # TMPDIR: where it keeps the cache mounts of RUN.
  TMPDIR=$STORE/tmp command buildah --root "$STORE/root" --runroot "$STORE/run" --storage-driver "$driver" "$@"
}
# A file of ours: /etc/containers is not there on every machine, and not ours to write.
trusting() { buildah "$1" --signature-policy "$STORE/policy.json" "${@:2}"; }

make_base() {
  local scratch container
  scratch=$(mktemp -d)
  say "making a base of $RELEASE"
  "$PYTHON" tests/vm/apt_sources.py "$RELEASE" >"$scratch/debian.sources"
  apt-config dump Acquire | grep -E '^Acquire::(http|https|Check-)' >"$scratch/apt.conf" || true
  mmdebstrap --quiet --variant=minbase --aptopt="$scratch/apt.conf" \
    "$RELEASE" "$scratch/base.tar" "$scratch/debian.sources"
  container=$(trusting from scratch)
  buildah add --quiet "$container" "$scratch/base.tar" /
  trusting commit --quiet --rm "$container" "$1"
  rm -rf "$scratch"
}

with_buildah() {
  local base=localhost/oomtrail-base:$RELEASE stage=localhost/oomtrail-build:$1
  mkdir -p "$STORE/tmp"
  echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$STORE/policy.json"
  # overlayfs cannot lie on every filesystem.
  buildah info >/dev/null 2>&1 || driver=vfs
  if [ -z "${BASE:-}" ]; then
    buildah inspect --type image "$base" >/dev/null 2>&1 || make_base "$base"
    arguments+=(--build-arg "BASE=$base")
  fi
  arguments+=(--layers --isolation chroot --timestamp "$SOURCE_DATE_EPOCH" --platform "linux/$1")
  # The build stage has a name, or what it has cached would be pruned with what older builds left.
  trusting build "${arguments[@]}" --target build -t "$stage" "$ROOT"
  trusting build "${arguments[@]}" -t "$NAME:$version-$1" "$ROOT"
  rm -f "$2"
  trusting push "$NAME:$version-$1" "oci-archive:$2:$NAME:$version"
  buildah rmi --prune >/dev/null
}

if docker info >/dev/null 2>&1; then
  build=with_docker
else
  "$ROOT/scripts/install.sh" image
  build=with_buildah
fi
mkdir -p "$out" "$LOGS"
[ $# -gt 0 ] || set -- "$(dpkg --print-architecture)"
for arch; do
  archive=$out/oomtrail-$arch.oci.tar
  log=$LOGS/image-$arch.log
  say "building the $arch image (the first time takes some minutes)"
  "$build" "$arch" "$archive.new" </dev/null >"$log" 2>&1 || {
    tail -n 40 "$log" >&2
    die "the $arch image was not built (all of it: $log)"
  }
  mv "$archive.new" "$archive"
  say "${archive#"$ROOT/"}: $NAME:$version"
done
