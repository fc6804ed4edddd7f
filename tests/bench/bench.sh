#!/usr/bin/env bash
# bench.sh: every budget of docs/design.md that can be measured today, beside a peer measured in the
# same run. Times are printed and never asserted: another machine, or a busy one, has others.
#
# BENCH_VM=0 leaves out the part that boots a kernel; BENCH_KILLS=N makes N kills (200);
# BENCH_TRACKING_ROUNDS=N compares the modes of allocation tracking N times (7).
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/../../scripts/common.sh"

built=build/release/tests/bench
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT

# A part that this machine cannot do is left out; CI's machine can do all of them.
leave_out() {
  if on_ci; then die "$*"; fi
  say "left out: $*"
}

# row WHAT FIGURE BUDGET PEER VERDICT
row() { printf '%s\t%s\t%s\t%s\t%s\n' "$@" >>"$rows"; }

# items_per_second PROGRAM BENCHMARK: the median of five, a core, as a whole number.
items_per_second() {
  "$built/$1" --benchmark_filter="^$2\$" --benchmark_format=json --benchmark_repetitions=5 \
    --benchmark_min_time=0.2 --benchmark_report_aggregates_only=true 2>/dev/null |
    awk '/"aggregate_name": "median"/ { median = 1 }
         median && /"items_per_second"/ { gsub(/[^0-9.e+]/, "", $2); printf "%d\n", $2; exit }'
}

# throughput WHAT PROGRAM BENCHMARK BUDGET [PEER]: BUDGET in items a second, or empty.
throughput() {
  local figure verdict='' budget=''
  figure=$(items_per_second "$2" "$3")
  [ -n "$figure" ] || die "$2 has no benchmark $3"
  if [ -n "$4" ]; then
    budget="≥ $(thousands "$4") /s"
    verdict=ok
    [ "$figure" -ge "$4" ] || verdict=OVER
  fi
  row "$1" "$(thousands "$figure") /s" "$budget" "${5:-}" "$verdict"
}

# 1234567 → 1,234,567
thousands() { sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta' <<<"$1"; }

# Aligned by characters, which printf's own widths (bytes) are not. Cut at \037: cells may be empty,
# and `read` takes several tabs for one.
print_table() {
  local -a widths=(0 0 0 0 0) cells
  local i line
  while IFS=$'\037' read -r -a cells; do
    for i in "${!cells[@]}"; do
      [ "${#cells[i]}" -le "${widths[i]}" ] || widths[i]=${#cells[i]}
    done
  done < <(tr '\t' '\037' <"$rows")
  while IFS=$'\037' read -r -a cells; do
    line=
    for i in "${!cells[@]}"; do
      line+=${cells[i]}$(printf '%*s' $((widths[i] + 2 - ${#cells[i]})) '')
    done
    printf '%s\n' "${line%"${line##*[![:space:]]}"}"
  done < <(tr '\t' '\037' <"$rows")
}

"$ROOT/scripts/build.sh" release oomtrail tests/bench/all

row WHAT FIGURE BUDGET 'PEER (same run)' ''

say 'stages, one core'
throughput 'paths read' path_grammar_bench BM_ParseMix 2000000
throughput 'records decoded' decode_bench DecodeFiveLevels ''
throughput 'record to event' attribute_bench BM_DecodeToEvent ''
throughput 'record to JSON line' attribute_bench BM_DecodeToJson ''
throughput 'record to journal and subscriber' stream_bench BM_RecordToSubscriber/real_time 50000

say 'warnings before the kill, over the trace library'
"$built/forecast_table"

complete=true
if [ "$(id -u)" -ne 0 ]; then
  leave_out 'kills on this machine: they need root'
else
  say "kills on this machine, ${BENCH_KILLS:-200} of them"
  "$built/latency/latency" --agent build/release/oomtrail --bare "$built/latency/bare_consumer" \
    --subscriber "$built/latency/subscriber" \
    --kills "${BENCH_KILLS:-200}" >>"$rows" || complete=false
fi

if [ "$(id -u)" -ne 0 ]; then
  leave_out 'the cost of allocation tracking: it needs root'
else
  say "the cost of allocation tracking, ${BENCH_TRACKING_ROUNDS:-7} rounds"
  "$built/tracking_overhead" "${BENCH_TRACKING_ROUNDS:-7}" >>"$rows" || complete=false
fi

if [ "${BENCH_VM:-1}" = 0 ]; then
  say 'left out: bpftrace in a virtual machine (BENCH_VM=0)'
elif ! command -v bpftrace >/dev/null && ! { [ "$(id -u)" -eq 0 ] &&
  apt-get -q -y install --no-install-recommends bpftrace </dev/null >"$LOGS/bpftrace.log" 2>&1; }; then
  leave_out 'bpftrace in a virtual machine: bpftrace cannot be installed'
elif ! command -v qemu-system-x86_64 >/dev/null || [ ! -x /bin/busybox ]; then
  leave_out 'bpftrace in a virtual machine: qemu-system-x86 and busybox-static are not installed'
else
  say 'bpftrace beside the agent, in an emulated machine: compare its figures with each other only'
  "$PYTHON" tests/bench/bpftrace_vm.py --agent build/release/oomtrail \
    --line-clock "$built/latency/line_clock" >>"$rows" || complete=false
fi

print_table
"$complete"
