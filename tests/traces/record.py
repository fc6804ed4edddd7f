#!/usr/bin/env python3
"""Records the memory of real programs, each in a scratch cgroup of its own.

    record.py OUT [NAME...]

Needs root, and java, go, node and python3 for the programs. What is read each
0.1 s is written as if a second had passed: the programs are paced to do in a
minute what services do in ten.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
INTERVAL = 0.1
LONGEST = 75.0
MIB = 1 << 20


@dataclass
class Recording:
    name: str
    kind: str  # leak, benign or calm
    limit_mib: int
    command: list[str]


def recordings(scratch: Path) -> list[Recording]:
    java = ["java", "-cp", str(scratch), "-XX:+UseSerialGC"]
    memory = [sys.executable, str(PROGRAMS / "memory.py")]
    script = str(PROGRAMS / "heap.js")
    go = str(scratch / "heap")
    return [
        Recording("python_leak", "leak", 256, [*memory, "leak"]),
        Recording("python_doubling", "leak", 256, [*memory, "doubling"]),
        Recording("python_bursts", "benign", 256, [*memory, "bursts"]),
        Recording("python_forks", "leak", 384, [*memory, "forks"]),
        Recording("file_cache", "calm", 256, [*memory, "cache", str(scratch / "file")]),
        Recording("tmpfs_fill", "leak", 256, [*memory, "tmpfs", str(scratch / "tmpfs" / "file")]),
        Recording("java_leak", "leak", 256, [*java, "-Xmx2g", "Heap", "leak"]),
        Recording("java_plateau", "calm", 320, [*java, "-Xmx256m", "Heap", "plateau"]),
        Recording("java_churn", "calm", 256, [*java, "-Xmx160m", "Heap", "churn"]),
        Recording("go_leak", "leak", 384, [go, "leak"]),
        Recording("go_churn", "calm", 160, [go, "churn"]),
        Recording("node_leak", "leak", 512, ["node", "--max-old-space-size=4096", script, "leak"]),
        Recording("node_churn", "calm", 160, ["node", script, "churn"]),
    ]


class Cgroup:
    """One scratch memory cgroup, of either version. Gone at the end."""

    def __init__(self, name: str, limit: int) -> None:
        v1 = Path("/sys/fs/cgroup/memory")
        self.v2 = not v1.is_dir()
        root = Path("/sys/fs/cgroup") if self.v2 else v1
        self.directory = root / f"oomtrail-record-{os.getpid()}-{name}"
        self.directory.mkdir()
        self.write("memory.max" if self.v2 else "memory.limit_in_bytes", limit)
        if self.v2:
            self.write("memory.swap.max", 0)
        else:
            self.write("memory.swappiness", 0)

    def write(self, name: str, value: int) -> None:
        (self.directory / name).write_text(str(value))

    def enter(self) -> None:
        self.write("cgroup.procs", os.getpid())

    def usage(self) -> int:
        name = "memory.current" if self.v2 else "memory.usage_in_bytes"
        return int((self.directory / name).read_text())

    def inactive_file(self) -> int:
        return self.counter("memory.stat", "inactive_file" if self.v2 else "total_inactive_file")

    def kills(self) -> int:
        return self.counter("memory.events" if self.v2 else "memory.oom_control", "oom_kill")

    def counter(self, file: str, key: str) -> int:
        for line in (self.directory / file).read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == key:
                return int(value)
        raise KeyError(f"{file} has no {key}")

    def remove(self) -> None:
        for _ in range(50):
            pids = (self.directory / "cgroup.procs").read_text().split()
            for pid in pids:
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            if not pids:
                break
            time.sleep(0.1)
        self.directory.rmdir()


def record(recording: Recording, out: Path) -> None:
    cgroup = Cgroup(recording.name, recording.limit_mib * MIB)
    lines = []
    end = "exited"
    try:
        program = subprocess.Popen(
            recording.command, preexec_fn=cgroup.enter, stdout=subprocess.DEVNULL
        )
        start = time.monotonic()
        while program.poll() is None and time.monotonic() - start < LONGEST:
            step = len(lines) + 1
            time.sleep(max(0.0, start + step * INTERVAL - time.monotonic()))
            usage, inactive = cgroup.usage(), cgroup.inactive_file()
            if cgroup.kills():
                end = "killed"
                break
            lines.append(f"{usage >> 10} {inactive >> 10}")
        program.kill()
        program.wait()
        if cgroup.kills():
            end = "killed"
    finally:
        cgroup.remove()
    header = f"{recording.kind} {recording.limit_mib << 10} {end}"
    (out / f"{recording.name}.txt").write_text("\n".join([header, *lines]) + "\n")
    print(f"{recording.name}: {end} after {len(lines)} readings", flush=True)


def main() -> None:
    out = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        (scratch / "tmpfs").mkdir()
        subprocess.run(["javac", "-d", str(scratch), str(PROGRAMS / "Heap.java")], check=True)
        source = str(PROGRAMS / "heap.go")
        subprocess.run(["go", "build", "-o", str(scratch / "heap"), source], check=True)
        for recording in recordings(scratch):
            if len(sys.argv) > 2 and recording.name not in sys.argv[2:]:
                continue
            mount = scratch / "tmpfs"
            subprocess.run(["mount", "-t", "tmpfs", "none", str(mount)], check=True)
            try:
                record(recording, out)
            finally:
                subprocess.run(["umount", str(mount)], check=True)


if __name__ == "__main__":
    main()
