#!/usr/bin/env bash
# stages.sh STAGE: one stage of `make test`, alone. Its exit code is its verdict; 77 means that this
# machine cannot run it, for the reason in its last line. A stage that runs tests ends with
# "N passed, N failed".
set -euo pipefail
. "$(dirname "$0")/common.sh"

# ThreadSanitizer wants addresses where older kernels put them.
TSAN_RUN=(setarch -R)

# run_ctest PRESET [WRAPPER...]: the unit tests of a build, counted one by one.
run_ctest() {
  local preset=$1 code=0 output
  shift
  output=$LOGS/ctest-$preset.log
  "$@" ctest --test-dir "build/$preset" --verbose -j 2 >"$output" 2>&1 || code=$?
  if [ "$code" -ne 0 ]; then
    grep -E -A 12 ': Failure$|Sanitizer:|runtime error:|Traceback|Errors while' "$output" | tail -n 100
    sed -n '/The following tests FAILED/,$p' "$output"
  fi
  # "1: [  PASSED  ] 31 tests." and "1: [  FAILED  ] 2 tests, listed below:", or Python's "Ran 9
  # tests"; a program that died says none of them, and counts as one.
  awk '
    /Ran [0-9]+ tests? in / { passed += $3 }
    /\[  PASSED  \] [0-9]+ tests?\./ { passed += $5 }
    /\[  FAILED  \] [0-9]+ tests?, listed below/ { failed += $5 }
    /^[0-9]+% tests passed, [0-9]+ tests failed out of/ { programs = $4; seen = $NF }
    END {
      if (failed < programs) failed = programs
      if (!seen) failed++
      printf "%d passed, %d failed\n", passed, failed
      exit failed > 0
    }' "$output"
  return "$code"
}

# Without the packages of the build nothing goes on; without the others, what needs none of them.
stage_install() {
  "$ROOT/scripts/install.sh" build || exit 1
  "$ROOT/scripts/install.sh" lint test
}

stage_build() { "$ROOT/scripts/build.sh" release; }

stage_unit() { run_ctest release; }

# The tests of the virtual machines' and the cluster's own code.
stage_vm() {
  "$PYTHON" -m unittest discover -s tests/vm -p 'test_*.py'
  "$PYTHON" -m unittest discover -s tests/cluster -p 'test_*.py'
}

# helm and promtool alone: no cluster. What it renders into manifests/ is compared by `generated`.
stage_chart() {
  need go promtool
  "$ROOT/scripts/manifests.sh"
  "$PYTHON" -m unittest discover -s tests/chart -p 'test_*.py'
}

stage_lint() {
  need clang-format clang-tidy shellcheck pyflakes3
  "$ROOT/scripts/lint.sh"
}

stage_commands() {
  need_root
  tests/host/commands.sh build/release/oomtrail
}

stage_scenarios() {
  need_root
  bash tests/host/scenarios.sh
}

stage_containerd() {
  need_root
  need containerd runc busybox
  bash tests/host/containerd.sh
}

stage_examples() {
  need_root
  tests/host/examples.sh build/release/oomtrail
}

# Built twice, the second time past the builder's cache, it must be the same.
stage_image() {
  need_root
  need dpkg ip openssl readelf unshare
  local archive again=build/image/again.oci.tar
  archive=build/image/oomtrail-$(dpkg --print-architecture).oci.tar
  ATTEMPT=2 "$ROOT/scripts/image.sh"
  mv "$archive" "$again"
  "$ROOT/scripts/image.sh"
  "$PYTHON" tests/image/test_image.py "$archive" "$again"
}

stage_arm64() {
  need_root
  need qemu-system-aarch64 busybox
  "$ROOT/scripts/image.sh" arm64
  "$PYTHON" tests/image/test_arm64.py build/image/oomtrail-arm64.oci.tar
}

stage_asan() {
  "$ROOT/scripts/build.sh" asan oomtrail tests/unit/all
  run_ctest asan
}

stage_tsan() {
  "$ROOT/scripts/build.sh" tsan oomtrail tests/unit/all
  run_ctest tsan "${TSAN_RUN[@]}"
}

stage_asan_live() {
  need_root
  tests/host/commands.sh build/asan/oomtrail
}

stage_tsan_live() {
  need_root
  tests/host/commands.sh "${TSAN_RUN[@]}" build/tsan/oomtrail
}

# The same build proves that locks are held where they must be (clang's -Wthread-safety).
stage_fuzz() { "$ROOT/scripts/fuzz.sh"; }

stage_matrix() {
  need qemu-system-x86_64 busybox
  "$PYTHON" tests/vm/matrix.py
}

cluster() {
  need_root
  "$ROOT/scripts/install.sh" image
  need qemu-system-x86_64 busybox mmdebstrap go
  "$PYTHON" tests/cluster/e2e.py "$@"
}
stage_cluster() { cluster --quick; }
stage_cluster_all() { cluster; }

# What tests render into docs/ and manifests/ must be what is committed there.
generated_files() { git ls-files -z -co --exclude-standard -- docs manifests | sort -z | xargs -0r sha256sum; }

stage_generated() {
  diff "$LOGS/generated-before" <(generated_files) || {
    echo "files that the tests write differ from what is in the repository: look at them and commit them"
    return 1
  }
}

stage=${1:?stages.sh STAGE}
if [ "$stage" = --remember-generated ]; then
  generated_files >"$LOGS/generated-before"
  exit 0
fi
mkdir -p "$LOGS"
"stage_$stage"
