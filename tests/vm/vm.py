#!/usr/bin/env python3
"""Runs one command on a real kernel under QEMU and brings back what it left.

  vm.py --kernel 6.1 --file build/release/oomtrail:/bin/oomtrail --run 'oomtrail doctor'

The guest is a busybox initramfs (init.sh) with the given files and nothing
else; what the command leaves in /out returns to --out. Software emulation, so
it runs wherever QEMU does. Exits with the command's status; 125 says that the
VM itself failed: kernel panic, timeout, missing or damaged results.
"""

from __future__ import annotations

import argparse
import os
import secrets
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import busybox
import initramfs
import kernels
import results
from apt_sources import FetchError
from console import Console
from results import Results

TAIL_LINES = 40
HARNESS_FAILED = 125
_LAST_WORDS_S = 10.0


class VmError(Exception):
    """The guest did not run the command to its end; says why, with the console's end."""

    def __init__(self, reason: str, console: Sequence[str]) -> None:
        tail = "\n".join(f"  | {line}" for line in console[-TAIL_LINES:])
        super().__init__(f"{reason}\n{tail or '  | (nothing on the console)'}")
        self.reason = reason
        self.console = tuple(console)


class KernelPanic(VmError):
    """A panic or an oops (which oops=panic makes one)."""


class VmTimeout(VmError):
    """The guest was still running when its time was over; it has been killed."""


class SetupRefused(VmError):
    """The kernel lacks what was asked for, e.g. cgroup v1's memory controller."""


@dataclass(frozen=True)
class Machine:
    """How QEMU is asked for one architecture, and what its guest calls its ports."""

    qemu: str
    flags: tuple[str, ...]
    console: str
    results: str
    results_port: tuple[str, str] = ("-serial", "chardev:results")


MACHINES = {
    # la57=off: 5-level paging under QEMU 7.2 panics 6.12 at random.
    "amd64": Machine("qemu-system-x86_64", ("-cpu", "max,la57=off"), "ttyS0", "ttyS1"),
    # pauth-impdef: the architected pointer authentication is most of what an emulated CPU would do.
    "arm64": Machine("qemu-system-aarch64", ("-M", "virt", "-cpu", "max,pauth-impdef=on"), "ttyAMA0", "ttyS0",
                     ("-device", "pci-serial,chardev=results")),
}


@dataclass(frozen=True)
class Run:
    """What a finished guest leaves. `output` is what the command printed."""

    status: int
    output: str
    console: tuple[str, ...]
    dmesg: str
    notes: tuple[str, ...]
    files: dict[str, bytes]
    boot_seconds: float
    seconds: float


def _memory(memory_mib: int, nodes: int) -> list[str]:
    """The memory, in equal parts: one a NUMA node."""
    words = ["-m", str(memory_mib)]
    for node in range(nodes if nodes > 1 else 0):
        words += ["-object", f"memory-backend-ram,id=m{node},size={memory_mib // nodes}M",
                  "-numa", f"node,nodeid={node},memdev=m{node}"]
    return words


def _argv(machine: Machine, kernel: kernels.Kernel, initrd: Path, results_file: Path, cmdline: str,
          memory_mib: int, smp: int, nodes: int) -> list[str]:
    # setpriv: qemu must not outlive a harness that was killed.
    # thread=single: with a host thread a CPU, QEMU can run code that another CPU has just patched away
    # (static keys, fentry, tracepoints), and the guest dies of a stale int3. Costs half a second of boot.
    return ["setpriv", "--pdeathsig", "KILL", machine.qemu, "-nodefaults", "-no-user-config", "-no-reboot",
            "-display", "none", "-nic", "none", "-accel", "tcg,thread=single", *machine.flags,
            "-smp", str(smp), *_memory(memory_mib, nodes),
            "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            "-chardev", f"file,id=results,path={results_file}", *machine.results_port,
            "-kernel", str(kernel.vmlinuz), "-initrd", str(initrd), "-append", cmdline]


def _watch(qemu: subprocess.Popen[bytes], console: Console, deadline: float) -> bool:
    """Feeds the console until QEMU closes it. False if the time was over first."""
    assert qemu.stdout is not None
    stream = qemu.stdout.fileno()
    panicked = False
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            chunk = os.read(stream, 65536)
            if not chunk:
                console.close()
                return True
            console.feed(chunk)
            if console.panic is not None and not panicked:
                panicked = True
                deadline = min(deadline, time.monotonic() + _LAST_WORDS_S)
    console.close()
    return False


def boot(command: str, *, kernel: str | kernels.Kernel, files: Iterable[tuple[Path, str]] = (),
         cgroup: str = "v2", cmdline: str = "", memory_mib: int = 512, smp: int = 2, nodes: int = 1,
         timeout_s: float = 180, guest_out: str = "/out", out: Path | None = None, stream: TextIO | None = None,
         verbose: bool = False, arch: str = "amd64") -> Run:
    """Boots `kernel`, runs `command` by its shell, returns when QEMU has ended.

    `files` are (host path, guest path). `stream` gets the command's output as it
    comes, with `verbose` all of the console. Files left in `guest_out` are in the
    returned value and, if given, written to `out`. Raises VmError.
    """
    if cgroup not in ("v1", "v2"):
        raise ValueError(f"cgroup {cgroup!r}: v1 or v2")
    machine = MACHINES[arch]
    image = kernels.fetch(kernel, arch) if isinstance(kernel, str) else kernel
    nonce = secrets.token_hex(8)
    root = initramfs.standard_root(files, {
        "CGROUP": cgroup, "NONCE": nonce, "RESULTS": guest_out,
        "CONSOLE": machine.console, "RESULTS_TTY": machine.results}, command,
        busybox.fetch(arch))
    # Below "emergency" the kernel log would interleave with the command's output.
    log = "loglevel=7" if verbose else "quiet loglevel=1"
    append = f"console={machine.console} panic=-1 oops=panic {log} {cmdline}".strip()

    with tempfile.TemporaryDirectory(prefix="oomtrail-vm-") as scratch:
        initrd, results_file = Path(scratch, "initrd"), Path(scratch, "results")
        with open(initrd, "wb") as file:
            root.write(file)
        console = Console(nonce, stream, verbose)
        started = time.monotonic()
        with open(Path(scratch, "stderr"), "w+b") as stderr, subprocess.Popen(
                _argv(machine, image, initrd, results_file, append, memory_mib, smp, nodes),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr) as qemu:
            try:
                finished = _watch(qemu, console, started + timeout_s)
            finally:
                # After a closed console it has nothing left to say; else time is over, or Ctrl-C.
                qemu.kill()
                qemu.wait()
            stderr.seek(0)
            complaint = stderr.read().decode(errors="replace").strip()
        seconds = time.monotonic() - started
        raw = results_file.read_bytes() if results_file.exists() else b""

    found = _judge(console, finished, raw, nonce, timeout_s, complaint)
    if out is not None:
        found.write(out)
    return Run(found.status, console.output(), tuple(console.lines), found.dmesg, found.notes, found.files,
               (console.run_at or started) - started, seconds)


def _judge(console: Console, finished: bool, raw: bytes, nonce: str, timeout_s: float,
           complaint: str) -> Results:
    """The results, or the most telling reason why there are none."""
    if console.panic is not None:
        raise KernelPanic(f"kernel panic: {console.panic}", console.lines)
    if not finished:
        raise VmTimeout(f"no end after {timeout_s:g} s, qemu killed", console.lines)
    if console.fatal is not None:
        raise SetupRefused(console.fatal, console.lines)
    try:
        return results.decode(raw, nonce)
    except results.ResultDamaged as error:
        raise VmError(f"{error}{f' (qemu: {complaint})' if complaint else ''}", console.lines) from None


def _mapping(text: str) -> tuple[Path, str]:
    host, _, guest = text.partition(":")
    if not host or not guest.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:/GUEST")
    return Path(host), guest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", required=True, choices=kernels.SERIES)
    parser.add_argument("--arch", default="amd64", choices=MACHINES)
    parser.add_argument("--cgroup", default="v2", choices=("v1", "v2"), help="v1: as a hybrid host has it")
    parser.add_argument("--file", action="append", default=[], type=_mapping, metavar="HOST:GUEST",
                        help="a file or directory; a program brings its shared libraries")
    parser.add_argument("--run", required=True, metavar="COMMAND")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the guest's /out goes")
    parser.add_argument("--guest-out", default="/out", metavar="DIR")
    parser.add_argument("--cmdline", default="", help="e.g. lockdown=confidentiality")
    parser.add_argument("--memory", type=int, default=512, metavar="MIB")
    parser.add_argument("--smp", type=int, default=2)
    parser.add_argument("--nodes", type=int, default=1, help="NUMA nodes")
    parser.add_argument("--timeout", type=float, default=180, metavar="SECONDS")
    volume = parser.add_mutually_exclusive_group()
    volume.add_argument("--quiet", action="store_true", help="do not stream the command's output")
    volume.add_argument("--verbose", action="store_true", help="stream the kernel's log too")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        run = boot(options.run, kernel=options.kernel, files=options.file, cgroup=options.cgroup,
                   cmdline=options.cmdline, memory_mib=options.memory, smp=options.smp, nodes=options.nodes,
                   timeout_s=options.timeout, guest_out=options.guest_out, out=options.out,
                   stream=None if options.quiet else sys.stdout, verbose=options.verbose, arch=options.arch)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except (VmError, initramfs.InitramfsError, FetchError) as error:
        print(f"vm: {error}", file=sys.stderr)
        return HARNESS_FAILED
    print(f"vm: {options.kernel} cgroup {options.cgroup}: status {run.status}, command after "
          f"{run.boot_seconds:.1f} s, off after {run.seconds:.1f} s{''.join(f'; {n}' for n in run.notes)}",
          file=sys.stderr)
    return run.status


if __name__ == "__main__":
    sys.exit(main())
