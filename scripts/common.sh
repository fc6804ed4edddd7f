# shellcheck shell=bash
# What every script here begins with: where the house is, how it speaks, who it runs for.
# Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT" || exit 1

export LOGS=$ROOT/build/logs
OOMTRAIL_CACHE=${OOMTRAIL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/oomtrail}
# A stage that cannot run on this machine ends with this code; its last line says what is missing.
CANNOT_RUN=77

export ROOT OOMTRAIL_CACHE
export LC_ALL=C.UTF-8
# Debian's own: a python of the user's may lack the packages that apt installed.
export PYTHON=/usr/bin/python3
[ -x "$PYTHON" ] || PYTHON=python3
# bpftool and runc are in sbin, which is not on everybody's path.
export PATH=$PATH:/usr/sbin:/sbin
# One cache for every clone of the house: paths inside it are relative.
export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-5G}

say() { printf 'oomtrail: %s\n' "$*" >&2; }

die() {
  say "$*"
  exit 1
}

cannot_run() {
  say "cannot run: $*"
  exit "$CANNOT_RUN"
}

# need COMMAND...: or this stage cannot run.
need() {
  local command
  for command; do
    command -v "$command" >/dev/null || cannot_run "$command is not here"
  done
}

need_root() { [ "$(id -u)" -eq 0 ] || cannot_run "OOM kills are made and seen as root only"; }

on_ci() { [ "${CI:-}" = true ]; }
