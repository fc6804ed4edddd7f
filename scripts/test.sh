#!/usr/bin/env bash
# test.sh [STAGE...]: `make test`. The stages in order of speed, each in a process group of its own
# with its output in build/logs/<stage>.log; a line per stage, the end of the log where one failed,
# then a table and the total.
#
# CI=true: a stage that cannot run has failed. Elsewhere it is skipped, and says what is missing.
set -uo pipefail
. "$(dirname "$0")/common.sh"

# name, minutes it may take, what must have passed before. All cases of the cluster take as long as all
# the rest: `cluster_all` runs where it is named (`make e2e`), `cluster` is its quick part.
STAGES='
install     15
vm           5  install
build       40  install
unit        10  build
chart        5  install
commands    10  build
scenarios   15  build
containerd  15  build
examples    15  build
lint        30  build
image       30  install
arm64       30  install
asan        40  install
asan_live   10  asan
tsan        40  install
tsan_live   10  tsan
fuzz        40  install
matrix      40  build
cluster     40  build
cluster_all 90  build
generated    5
'

child=
interrupted() {
  trap '' INT TERM HUP
  if [ -n "$child" ]; then
    kill -TERM -- "-$child" 2>/dev/null
    wait "$child" 2>/dev/null
    kill -KILL -- "-$child" 2>/dev/null
  fi
  say "interrupted"
  exit 130
}
trap interrupted INT TERM HUP

elapsed() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# count LOG: "<passed> <failed>" as its last such line says; 0 0 where it has none.
count() {
  awk '
    /^[0-9]+ passed, [0-9]+ failed/ { passed = $1; failed = $3 }
    /^Ran [0-9]+ tests? in / { passed += $2 }
    END { print passed + 0, failed + 0 }' "$1"
}

declare -A verdict
table=
total_passed=0
total_failed=0
total_skipped=0

report() {
  local line
  printf -v line '  %-11s %-8s %7s  %s' "$1" "$2" "$3" "$4"
  table+=$line$'\n'
  printf '%s\n' "$line"
}

run_stage() {
  local name=$1 minutes=$2 needs=$3 log=$LOGS/$1.log start=$SECONDS code
  if [[ ${verdict[${needs:-none}]:-} == @(failed|blocked) ]]; then
    verdict[$name]=blocked
    total_failed=$((total_failed + 1))
    report "$name" "not run" - "needs $needs"
    return
  fi
  [ -t 1 ] && printf '  %-11s …\r' "$name"
  # timeout leads a process group of its own.
  # What runs in the background ignores Ctrl-C; tests of it must not inherit that.
  timeout -k 10 "${minutes}m" env --default-signal=INT,QUIT "$ROOT/scripts/stages.sh" "$name" \
    </dev/null >"$log" 2>&1 &
  child=$!
  wait "$child"
  code=$?
  kill -KILL -- "-$child" 2>/dev/null # what a stage left running
  child=
  local took tests failures
  took=$(elapsed $((SECONDS - start)))
  read -r tests failures < <(count "$log")
  if [ "$code" -eq 0 ]; then
    verdict[$name]=passed
    total_passed=$((total_passed + (tests > 0 ? tests : 1)))
    report "$name" passed "$took" "$([ "$tests" -gt 0 ] && echo "$tests tests")"
  elif [ "$code" -eq "$CANNOT_RUN" ] && ! on_ci; then
    verdict[$name]=skipped
    total_skipped=$((total_skipped + 1))
    report "$name" skipped "$took" "$(tail -n 1 "$log")"
  else
    verdict[$name]=failed
    total_passed=$((total_passed + tests))
    total_failed=$((total_failed + (failures > 0 ? failures : 1)))
    [ "$code" -eq 124 ] && echo "stopped: not done after $minutes minutes" >>"$log"
    report "$name" FAILED "$took" "build/logs/$name.log"
    tail -n 40 "$log" | cut -c 1-300 | sed 's|^|    > |'
  fi
}

mkdir -p "$LOGS"
rm -f "$LOGS/total"
"$ROOT/scripts/stages.sh" --remember-generated

ONLY_NAMED=' cluster_all '
wanted=" $* "
while read -r name minutes needs; do
  [ -n "$name" ] || continue
  if [ $# -eq 0 ]; then
    [[ $ONLY_NAMED != *" $name "* ]] || continue
  else
    [[ $wanted == *" $name "* ]] || continue
  fi
  run_stage "$name" "$minutes" "$needs"
done <<<"$STAGES"

total="$total_passed passed, $total_failed failed"
[ "$total_skipped" -eq 0 ] || total+=", $total_skipped skipped"
printf '\nall of it, in %s:\n%s\n%s\n' "$(elapsed $SECONDS)" "$table" "$total"
echo "$total" >"$LOGS/total"
[ "$total_failed" -eq 0 ] && [ "$total_passed" -gt 0 ]
