#!/usr/bin/env bash
# Every fuzzer for FUZZ_SECONDS, two at a time. The corpora in tests/fuzz are only read: what a
# fuzzer finds goes to build/fuzz/, an input that breaks it to build/fuzz/broken/.
#
# The same build proves the locks: it is clang's, with -Wthread-safety as errors.
set -euo pipefail
. "$(dirname "$0")/common.sh"

# fuzz.sh --one FUZZER: one of the two at a time, in a process of its own.
if [ "${1:-}" = --one ]; then
  name=${2##*/}
  corpus=tests/fuzz/corpus/$name
  log=$LOGS/$name.log
  if [ -z "$(ls -A "$corpus" 2>/dev/null)" ]; then
    echo "FAILED $name: $corpus is empty: a fuzzer begins with samples"
    exit 0
  fi
  mkdir -p "build/fuzz/found/$name" build/fuzz/broken
  if "$2" -max_total_time="$FUZZ_SECONDS" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/broken/$name-" "build/fuzz/found/$name" "$corpus" \
    </dev/null >"$log" 2>&1; then
    echo "ok $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs"
  else
    tail -n 40 "$log"
    echo "FAILED $name (reproduce: $2 FILE, the file named above; all of it: $log)"
  fi
  exit 0
fi

export FUZZ_SECONDS=${FUZZ_SECONDS:-60}
"$ROOT/scripts/build.sh" fuzz oomtrail tests/fuzz/all
shopt -s nullglob
fuzzers=(build/fuzz/tests/fuzz/*_fuzz)
[ ${#fuzzers[@]} -gt 0 ] || die "no fuzzer was built"
mkdir -p "$LOGS"
results=$LOGS/fuzzers
printf '%s\0' "${fuzzers[@]}" | xargs -0 -P 2 -I '{}' "$ROOT/scripts/fuzz.sh" --one '{}' | tee "$results"
passed=$(grep -c '^ok ' "$results" || true)
failed=$((${#fuzzers[@]} - passed))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
