#!/usr/bin/env bash
# image.sh [ARCH...]: the image for amd64, arm64 (by default this machine's) as an OCI archive,
# build/image/oomtrail-<arch>.oci.tar, by Docker where an engine answers, else by buildah.
#
# The same commit and the same base give the same digest: the only time in it is the commit's.
# ATTEMPT=N links again where a builder's cache would answer; FRESH=1 takes the base and the packages as
# they are today, which the cache keeps as they were.
set -euo pipefail
. "$(dirname "$0")/common.sh"

NAME=ghcr.io/oomtrail/oomtrail
RELEASE=trixie
out=$ROOT/build/image
case $(uname -m) in
  x86_64) here=amd64 ;;
  aarch64) here=arm64 ;;
  *) cannot_run "there is no image for $(uname -m), and none is built there" ;;
esac

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
  [ -z "${FRESH:-}" ] || arguments+=(--pull --no-cache)
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
  local container
  scratch=$(mktemp -d)
  say "making a base of $RELEASE"
  "$PYTHON" tests/vm/apt_sources.py "$RELEASE" >"$scratch/debian.sources"
  apt-config dump Acquire | grep -E '^Acquire::(http|https|Check-)' >"$scratch/apt.conf" || true
  mmdebstrap --quiet --variant=minbase --aptopt="$scratch/apt.conf" \
    "$RELEASE" "$scratch/base.tar" "$scratch/debian.sources"
  container=$(trusting from scratch)
  buildah add --quiet "$container" "$scratch/base.tar" /
  trusting commit --quiet --rm "$container" "$1"
}

with_buildah() {
  local base=localhost/oomtrail-base:$RELEASE stage=localhost/oomtrail-build:$1-${ATTEMPT:-1}
  mkdir -p "$STORE/tmp"
  # One build at a time: another's pruning would take what this one has cached so far.
  exec 4>"$STORE/lock"
  flock 4
  echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$STORE/policy.json"
  # overlayfs cannot lie on every filesystem.
  buildah info >/dev/null 2>&1 || driver=vfs
  if [ -z "${BASE:-}" ]; then
    if [ -n "${FRESH:-}" ] || ! buildah inspect --type image "$base" >/dev/null 2>&1; then
      make_base "$base"
      FRESH=
    fi
    arguments+=(--build-arg "BASE=$base")
  fi
  # BUILDPLATFORM: what Docker knows by itself.
  local flags=("${arguments[@]}" --build-arg "BUILDPLATFORM=linux/$here" --platform "linux/$1" --layers
    --force-rm --isolation chroot --identity-label=false --timestamp "$SOURCE_DATE_EPOCH")
  # The build stage has a name, or what it has cached would be pruned with what older builds left.
  trusting build "${flags[@]}" --target build -t "$stage" "$ROOT"
  trusting build "${flags[@]}" -t "$NAME:$version-$1" "$ROOT"
  rm -f "$2"
  trusting push "$NAME:$version-$1" "oci-archive:$2:$NAME:$version"
  # What somebody's container is made from stays.
  buildah rmi --prune >/dev/null || true
}

if docker info >/dev/null 2>&1; then
  build=with_docker
else
  "$ROOT/scripts/install.sh" image
  build=with_buildah
fi
mkdir -p "$out" "$LOGS"
[ $# -gt 0 ] || set -- "$here"
scratch='' log=''
exec 3>&2
ended() {
  local code=$?
  [ -z "$scratch" ] || rm -rf "$scratch"
  [ "$code" -ne 0 ] || return 0
  tail -n 40 "$log" >&3
  say "the $arch image was not built (all of it: $log)" 2>&3
}
trap ended EXIT
for arch; do
  archive=$out/oomtrail-$arch.oci.tar
  log=$LOGS/image-$arch.log
  say "building the $arch image (the first time takes some minutes)"
  "$build" "$arch" "$archive.new" </dev/null >"$log" 2>&1
  mv "$archive.new" "$archive"
  say "${archive#"$ROOT/"}: $NAME:$version"
done
