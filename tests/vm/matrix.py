#!/usr/bin/env python3
"""Runs the scenarios on every kernel × cgroup version × lockdown.

  matrix.py                         all of it; writes docs/kernel-support.md
  matrix.py --check                 the same, but fails where that file would change
  matrix.py --kernel 6.1 --only group-kill,pod-limit

In one boot all methods watch the same kills, each by an agent of its own. A
line a boot; of one that failed also what it said. The last line counts the
scenarios: "N passed, N failed".
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import initramfs
import kernels
import support_tables
import vm
from apt_sources import FetchError
from support_tables import Boot

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/kernel-support.md"
RESULTS = "results.json"
LOCKDOWNS = ("none", "confidentiality")
# What lockdown=confidentiality is there to forbid.
MAY_LACK = {"none": "", "confidentiality": "--may-lack kprobe,tracepoint"}
# Kills in a row: as many as it takes to fill a ring where time is well spent, else a few.
STORM, FEW = 500, 60


@dataclass(frozen=True)
class Ended:
    """How a boot ended. `findings` is None where the guest did not come to an end."""

    passed: int
    failed: int
    said: str
    seconds: tuple[float, float]
    findings: dict[str, Any] | None


def has_memory_v1(kernel: kernels.Kernel) -> bool:
    """Since 6.11 cgroup v1's memory controller is an option of its own."""
    config = kernel.config.read_text()
    return "# CONFIG_MEMCG_V1 is not set" not in config


def boots(options: argparse.Namespace) -> list[Boot]:
    found = []
    for place, name in enumerate(kernels.SERIES):
        if options.kernel and name not in options.kernel:
            continue
        kernel = kernels.fetch(name)
        for lockdown in LOCKDOWNS:
            for cgroup in ("v2", "v1"):
                wanted = (not options.cgroup or cgroup in options.cgroup) and \
                         (not options.lockdown or lockdown in options.lockdown)
                if wanted and (cgroup == "v2" or has_memory_v1(kernel)):
                    found.append(Boot(place, name, cgroup, lockdown))
    return found


def command(boot: Boot, options: argparse.Namespace) -> str:
    storm = STORM if (boot.cgroup, boot.lockdown) == ("v2", "none") else FEW
    words = ["oomtrail-scenarios --agent /bin/oomtrail --bpffs /sys/fs/bpf --node-oom --together",
             f"--storm {storm} --results /out/{RESULTS}", MAY_LACK[boot.lockdown]]
    if options.only:
        words.append(f"--only {options.only}")
    return " ".join(words)


def run(boot: Boot, files: list[tuple[Path, str]], options: argparse.Namespace) -> Ended:
    started = time.monotonic()
    cmdline = "" if boot.lockdown == "none" else f"lockdown={boot.lockdown}"
    try:
        ended = vm.boot(command(boot, options), kernel=boot.kernel, files=files, cgroup=boot.cgroup,
                        cmdline=cmdline, memory_mib=384, nodes=2, timeout_s=options.timeout)
        findings = json.loads(ended.files[RESULTS]) if RESULTS in ended.files else None
    except (vm.VmError, FetchError, initramfs.InitramfsError) as error:
        return Ended(0, 1, str(error), (0.0, time.monotonic() - started), None)
    seconds = (ended.boot_seconds, ended.seconds)
    results = [scenario["result"] for method in (findings or {"methods": {}})["methods"].values()
               for scenario in method.get("scenarios", {}).values()]
    passed = results.count("pass")
    failed = len(results) - passed
    if findings is None or (ended.status != 0 and failed == 0):
        failed += 1
    return Ended(passed, failed, ended.output, seconds, findings)


def say(boot: Boot, ended: Ended) -> None:
    booted, seconds = ended.seconds
    print(f"{boot!s:26} {ended.passed:4} passed, {ended.failed} failed   up in {booted:4.1f} s, "
          f"off after {seconds:5.1f} s", flush=True)
    if ended.failed == 0:
        return
    shown = False
    for line in ended.said.splitlines():
        # A failure and what is indented below it; of a guest that died, everything.
        shown = line.startswith("FAIL") or (shown and line.startswith("        "))
        if shown or ended.findings is None:
            print(f"    {line}", flush=True)


def stripped(program: Path, directory: Path) -> Path:
    """Debug information has no use in a guest, and takes its memory."""
    if not program.is_file():
        raise SystemExit(f"matrix: {program} is not built (remedy: make build)")
    copy = directory / program.name
    if subprocess.run(["strip", "-o", str(copy), str(program)]).returncode != 0:
        shutil.copy(program, copy)
    return copy


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build/release", metavar="DIR")
    parser.add_argument("--kernel", action="append", choices=kernels.SERIES)
    parser.add_argument("--cgroup", action="append", choices=("v1", "v2"))
    parser.add_argument("--lockdown", action="append", choices=LOCKDOWNS)
    parser.add_argument("--only", metavar="SCENARIO[,...]")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="boots at a time")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help="of one boot")
    parser.add_argument("--check", action="store_true", help="write nothing")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    whole = not (options.kernel or options.cgroup or options.lockdown or options.only)
    if options.check and not whole:
        raise SystemExit("matrix: --check takes the whole matrix")
    started = time.monotonic()
    passed = failed = 0
    findings: dict[Boot, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="oomtrail-matrix-") as directory:
        files = [(stripped(options.build / name, Path(directory)), f"/bin/{name}")
                 for name in ("oomtrail", "oomtrail-scenarios")]
        try:
            planned = boots(options)
        except FetchError as error:
            raise SystemExit(f"matrix: {error}") from None
        with ThreadPoolExecutor(options.jobs) as pool:
            running = {pool.submit(run, boot, files, options): boot for boot in planned}
            for done in as_completed(running):
                boot, ended = running[done], done.result()
                say(boot, ended)
                passed, failed = passed + ended.passed, failed + ended.failed
                if ended.findings is not None:
                    findings[boot] = ended.findings
    print(f"{len(planned)} boots in {time.monotonic() - started:.0f} s")
    if whole and len(findings) == len(planned) and failed == 0:
        same = support_tables.update(DOCUMENT, support_tables.render(findings), check=options.check)
        if not same and options.check:
            failed += 1
            print(f"{DOCUMENT.relative_to(ROOT)} is not what was found: run matrix.py and commit it")
        elif not same:
            print(f"{DOCUMENT.relative_to(ROOT)} written")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
