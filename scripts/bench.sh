#!/usr/bin/env bash
# `make bench`: each budget with its figure, beside a peer measured in the same run. Wants an
# otherwise idle machine. BENCH_VM=0 leaves out the virtual machine, BENCH_KILLS=N sets the kills.
set -euo pipefail
. "$(dirname "$0")/common.sh"

"$ROOT/scripts/install.sh" build test bench
exec "$ROOT/tests/bench/bench.sh" "$@"
