#!/usr/bin/env bash
# scenarios.sh [BUILD_DIR]: real OOM kills on this machine, seen by every method it allows, one
# after the other.
#
# Needs root. Mounts what the methods need (tracefs, a bpffs) in a mount namespace of its own, makes
# cgroups of its own directly under the memory mount, and leaves nothing behind.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$root/build/release}

if [ "${OOMTRAIL_IN_NAMESPACE:-}" != 1 ]; then
  export OOMTRAIL_IN_NAMESPACE=1
  exec unshare --mount --propagation private "$0" "$build"
fi

scratch=$(mktemp -d)
trap 'umount "$scratch"; rmdir "$scratch"' EXIT
mount -t bpf bpf "$scratch"
[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing

# A machine may refuse BPF trampolines by policy or be built without kprobes. What else must work is
# for it to say: the agent's own doctor, which attaches each method for a moment.
refused=()
verdicts=$("$build/oomtrail" doctor --cri-endpoint none || true)
for method in fentry kprobe; do
  if ! grep -qE "^ *victim by $method +works" <<<"$verdicts"; then
    grep -E "^ *victim by $method " <<<"$verdicts" || true
    refused+=("$method")
  fi
done
may_lack=()
if [ ${#refused[@]} -gt 0 ]; then
  may_lack=(--may-lack "$(IFS=,; printf '%s' "${refused[*]}")")
fi

"$build/oomtrail-scenarios" --agent "$build/oomtrail" --bpffs "$scratch" "${may_lack[@]}"
