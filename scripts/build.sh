#!/usr/bin/env bash
# build.sh PRESET [TARGET...]: configures and builds. One line of progress on a terminal; else
# silent, and only a failure is shown.
set -euo pipefail
. "$(dirname "$0")/common.sh"

preset=${1:?build.sh PRESET [TARGET...]}
shift
build=$ROOT/build/$preset
mkdir -p "$LOGS"
log=$LOGS/build-$preset.log

failed() {
  tail -n 40 "$log" >&2
  die "the build failed (all of it: $log)"
}

if [ ! -f "$build/build.ninja" ]; then
  cmake --preset "$preset" </dev/null >"$log" 2>&1 || failed
fi
if [ -t 2 ] && [ "${TERM:-dumb}" != dumb ]; then
  if ninja -C "$build" -n "$@" | grep -q 'no work to do'; then exit 0; fi
  NINJA_STATUS='oomtrail: building [%f/%t] ' ninja -C "$build" "$@" </dev/null >&2 || die "the build failed"
  exit 0
fi
ninja -C "$build" "$@" </dev/null >"$log" 2>&1 || failed
