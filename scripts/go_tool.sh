#!/usr/bin/env bash
# go_tool.sh MODULE VERSION: prints the path of that Go program, built once and kept outside the
# repository. Fails, saying why, where there is no Go.
set -euo pipefail
. "$(dirname "$0")/common.sh"

module=$1
version=$2
home=$OOMTRAIL_CACHE/tools/${module##*/}-$version
program=$home/${module##*/}
if [ ! -x "$program" ]; then
  command -v go >/dev/null || die "${module##*/} is built from source by Go, and there is no go here"
  mkdir -p "$home"
  GOBIN=$home go install "$module@$version" >"$home/build.log" 2>&1 </dev/null || {
    tail -n 20 "$home/build.log" >&2
    die "go install $module@$version failed"
  }
fi
printf '%s\n' "$program"
