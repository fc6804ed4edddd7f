#!/usr/bin/env bash
# containerd.sh [PROGRAM [PART-OF-A-NAME]]: the agent on a node with a real containerd and runc and a
# kubelet's /pods over HTTPS; every kill is a real one. As root, on cgroup v1.
#
# All of it lives in a mount namespace, a temporary directory and cgroups of its own, named after
# this process; nothing is left of them however this ends. Where it cannot run it says why and ends
# with 77; under CI=true that is a failure.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
HERE=$ROOT/tests/host/containerd
PROGRAM=$(realpath "${1:-build/release/oomtrail}")
ONLY=${2:-}
TESTS=$(dirname "$PROGRAM")/tests/host/containerd
CGROUPS=/sys/fs/cgroup

if on_ci; then
  cannot_run() { die "cannot run, and must under CI: $*"; }
fi
need_root
need containerd ctr runc busybox openssl "$PYTHON"
[ -e "$CGROUPS/memory/memory.limit_in_bytes" ] || cannot_run "no cgroup v1 memory at $CGROUPS/memory"
for built in "$PROGRAM" "$TESTS"/containerd_{test,hog,pause}; do
  [ -x "$built" ] || die "$built is not built (make build)"
done

# Mounts of our own end with the namespace. The one over /run hides the host's runtimes and takes
# what containerd keeps there whatever its configuration says.
if [ "${OOMTRAIL_UNSHARED:-}" != "$$" ]; then
  export OOMTRAIL_UNSHARED=$$
  exec unshare --mount --propagation private bash "$HERE.sh" "$PROGRAM" "$ONLY"
fi

NAME=oomtrail-test-$$
SCRATCH=$(mktemp -d "/tmp/$NAME.XXXXXX")
# A hierarchy that runc moves nothing in: what is in here, we started.
OURS=$CGROUPS/unified/$NAME
[ -d "$CGROUPS/unified" ] || OURS=$CGROUPS/pids/$NAME

our_directories() { find "$CGROUPS" -maxdepth 2 -name "$NAME" -type d; }
our_processes() { find "$CGROUPS"/*/"$NAME" -name cgroup.procs -exec cat {} + 2>/dev/null; }

# Ends every process of ours by its id and removes every directory of ours. A cgroup is empty a
# moment after its last process: that is tried again, for a bounded time.
clear_up() {
  local status=$? pid tries
  set +e
  trap '' INT TERM HUP
  for ((tries = 0; tries < 500; ++tries)); do
    for pid in $(our_processes); do kill -KILL "$pid" 2>/dev/null; done
    find "$CGROUPS"/*/"$NAME" -depth -type d -exec rmdir {} + 2>/dev/null && break
    [ -n "$(our_directories)" ] || break
    sleep 0.02
  done
  # For who looks into a failure.
  [ "$status" -eq 0 ] || [ -z "${OOMTRAIL_KEEP_LOG:-}" ] ||
    cp "$SCRATCH/containerd.log" "$OOMTRAIL_KEEP_LOG"
  umount --lazy "$SCRATCH" 2>/dev/null
  rm -rf "$SCRATCH"
  if [ -n "$(our_directories)$(our_processes)" ] || [ -e "$SCRATCH" ]; then
    echo "FAIL left behind: $(our_directories) $(our_processes) $SCRATCH"
    status=1
  fi
  exit "$status"
}
trap clear_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

mount -t tmpfs -o mode=0755 "$NAME" "$SCRATCH"
mount -t tmpfs -o mode=0755 "$NAME" /run
mkdir -p /run/containerd "$SCRATCH"/{cni,images,kubelet} "$OURS"
cp "$TESTS/containerd_hog" "$SCRATCH/hog"
ln -s "$SCRATCH/containerd.sock" /run/containerd/containerd.sock

sed "s|@SCRATCH@|$SCRATCH|g" "$HERE/config.toml" >"$SCRATCH/config.toml"
"$PYTHON" "$HERE/oci_archive.py" localhost/oomtrail-pause:1 "$SCRATCH/images/pause.tar" \
  pause="$TESTS/containerd_pause"
"$PYTHON" "$HERE/oci_archive.py" localhost/oomtrail-hog:1 "$SCRATCH/images/hog.tar" \
  bin/hog="$TESTS/containerd_hog" bin/busybox="$(command -v busybox)"

# An authority, one that is not it, and a certificate for localhost.
certificate() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "$@" 2>/dev/null; }
(
  cd "$SCRATCH/kubelet"
  for authority in ca other-ca; do
    certificate -x509 -days 2 -subj "/CN=$authority" -keyout "$authority.key" -out "$authority.pem"
  done
  certificate -x509 -days 2 -CA ca.pem -CAkey ca.key -subj /CN=kubelet \
    -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
    -keyout key.pem -out cert.pem
)

(
  echo "$BASHPID" >"$OURS/cgroup.procs"
  exec "$TESTS/containerd_test" "$PROGRAM" "$HERE/kubelet.py" "$SCRATCH" "/$NAME" "$ONLY"
) &
wait $!
