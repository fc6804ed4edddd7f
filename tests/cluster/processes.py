"""Processes of the cluster: each leads a group of its own, dies with us, and is ended by its own id."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class ClusterError(Exception):
    """Something of the cluster failed; says what, with the end of its log."""


class Processes:
    """What was started, the newest ended first. Start from the main thread: they end with it."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def start(self, name: str, argv: Sequence[str | Path], env: Mapping[str, str] | None = None,
              stdout: Path | None = None) -> subprocess.Popen[bytes]:
        with open(self.log(name), "ab") as log, open(stdout or self.log(name), "ab") as out:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *map(str, argv)], stdin=subprocess.DEVNULL,
                stdout=out, stderr=log, start_new_session=True, env={**os.environ, **(env or {})})
        self._running.append((name, process))
        return process

    def check(self) -> None:
        """Raises where one has ended that should not have."""
        for name, process in self._running:
            if process.poll() is not None:
                raise ClusterError(f"{name} ended with {process.returncode}\n{self.tail(name)}")

    def tail(self, name: str, lines: int = 25) -> str:
        text = self.log(name).read_text(errors="replace").splitlines()[-lines:]
        return "\n".join(f"  {name} | {line[:300]}" for line in text)

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        self._running = [(name, each) for name, each in self._running if each is not process]
        _end(process, signal.SIGTERM, 5)

    def stop_all(self) -> None:
        for _, process in reversed(self._running):
            # Nothing of theirs outlives the run: there is nothing to be saved.
            _end(process, signal.SIGKILL, 10)
        self._running.clear()


def _end(process: subprocess.Popen[bytes], first: signal.Signals, wait_s: float) -> None:
    for number in (first, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        try:
            process.wait(wait_s)
            return
        except subprocess.TimeoutExpired:
            continue


def until(what: str, probe: Callable[[], T | None], timeout_s: float, every_s: float = 0.3) -> T:
    """The first true answer of `probe`; ClusterError when time is over, with the last thing it said."""
    deadline = time.monotonic() + timeout_s
    reason = ""
    while True:
        try:
            if answer := probe():
                return answer
        except (OSError, ValueError, KeyError, IndexError, CommandFailed) as error:
            reason = f": {error}"
        if time.monotonic() > deadline:
            raise ClusterError(f"{what}: not within {timeout_s:g} s{reason}")
        time.sleep(every_s)


class CommandFailed(ClusterError):
    """A command that was run to its end said no."""


def run(argv: Sequence[str | Path], *, stdin: str | None = None, timeout_s: float = 120,
        env: Mapping[str, str] | None = None) -> str:
    """What the command printed. Raises CommandFailed with what it said on stderr."""
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(words, input=stdin, text=True, capture_output=True, timeout=timeout_s,
                              env={**os.environ, **(env or {})},
                              stdin=subprocess.DEVNULL if stdin is None else None)
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"{' '.join(words)[:200]}: not done after {timeout_s:g} s") from None
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(words)[:200]}: {done.returncode}: "
                            f"{(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout
