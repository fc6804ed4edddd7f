#!/usr/bin/env bash
# Every check of the text: format, clang-tidy, scripts, protocol, the house's own rules.
set -uo pipefail
. "$(dirname "$0")/common.sh"

passed=0
failed=0
skipped=0

# files PATTERN...: what git knows, or would know after `git add`.
files() { git ls-files -co --exclude-standard -- "$@" | while read -r file; do [ -f "$file" ] && printf '%s\n' "$file"; done; }

check() {
  local name=$1
  shift
  "$@"
  local code=$?
  if [ "$code" -eq 0 ]; then
    passed=$((passed + 1))
    printf 'ok %s\n' "$name"
  elif [ "$code" -eq "$CANNOT_RUN" ] && ! on_ci; then
    skipped=$((skipped + 1))
    printf 'skipped %s\n' "$name"
  else
    failed=$((failed + 1))
    printf 'FAILED %s\n' "$name"
  fi
}

cpp_format() { files '*.cc' '*.h' ':!bpf' ':!*.bpf.h' | xargs -d '\n' clang-format --dry-run -Werror --ferror-limit=3; }

shell_scripts() {
  files '*.sh'
  files | xargs -d '\n' grep -lE -m 1 '^#!.*\b(ba)?sh$' -- | grep -v '\.sh$'
}
shell() { shell_scripts | xargs -d '\n' shellcheck -x -P SCRIPTDIR; }

python() {
  files '*.py' | xargs -d '\n' pyflakes3 &&
    files '*.py' | PYTHONPYCACHEPREFIX=$ROOT/build/pycache xargs -d '\n' "$PYTHON" -m py_compile
}

go_format() {
  command -v gofmt >/dev/null || {
    echo "there is no gofmt here"
    return "$CANNOT_RUN"
  }
  local unformatted
  unformatted=$(files '*.go' | xargs -d '\n' gofmt -l) || return 1
  [ -z "$unformatted" ] || {
    echo "not as gofmt writes it: $unformatted"
    return 1
  }
}

# Names in proto/cri and proto/google are not ours: buf.yaml leaves them alone.
proto() {
  files 'proto/oomtrail/*.proto' | grep -q . || return 0
  local buf
  command -v go >/dev/null || {
    echo "buf is built by Go, and there is no go here"
    return "$CANNOT_RUN"
  }
  buf=$("$ROOT/scripts/go_tool.sh" github.com/bufbuild/buf/cmd/buf v1.75.0) || return 1
  (cd proto && "$buf" lint)
}

check format cpp_format
check shell shell
check python python
check go go_format
check tree "$PYTHON" scripts/check_tree.py
check layers "$PYTHON" scripts/check_layers.py
check proto proto
# These two look at what a build has made: the program's help, generated headers.
check build "$ROOT/scripts/build.sh" release oomtrail
check flags "$PYTHON" scripts/check_flags.py build/release/oomtrail
check tidy "$PYTHON" scripts/tidy.py
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
