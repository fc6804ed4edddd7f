#!/usr/bin/env bash
# install.sh GROUP...: what the groups of packages.sh lack, by the machine's own apt. As root on
# Debian it installs; elsewhere it says what is missing and ends with 77. Silent where nothing is.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$ROOT/scripts/packages.sh"

mapfile -t missing < <(missing_packages "$@")
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  cannot_run "missing here, by the names that Debian 12 gives them: ${missing[*]}"
fi
if [ "$(id -u)" -ne 0 ]; then
  cannot_run "packages are missing; install them as root: apt-get install ${missing[*]}"
fi

say "installing ${#missing[@]} packages (scripts/packages.sh names them)"
mkdir -p "$LOGS"
log=$LOGS/apt.log
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
if ! { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "${missing[@]}"; } \
  </dev/null >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  die "apt-get could not install them (all of it: $log)"
fi
