#!/usr/bin/env bash
# run.sh COMMAND...: from nothing but a clone to `oomtrail COMMAND` on this machine.
set -euo pipefail
. "$(dirname "$0")/common.sh"

"$ROOT/scripts/install.sh" build
oomtrail=$ROOT/build/release/oomtrail
[ -x "$oomtrail" ] || say "building (the first time takes a few minutes)"
"$ROOT/scripts/build.sh" release oomtrail
exec "$oomtrail" "$@"
