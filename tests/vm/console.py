"""Reads a guest's console as it comes.

The kernel and the command share it. Init marks where the command's output
begins and ends; a panic or a refusal of init is recognised on the way.
"""

from __future__ import annotations

import re
import time
from typing import TextIO

_PANIC = re.compile(r"Kernel panic - not syncing: (.*)")
_FATAL = re.compile(r"^oomtrail-vm: fatal: (.*)")


class Console:
    """Splits the console into lines, finds the command's share, streams it."""

    def __init__(self, nonce: str, stream: TextIO | None, verbose: bool) -> None:
        self.lines: list[str] = []
        self.run_at: float | None = None
        self.panic: str | None = None
        self.fatal: str | None = None
        self._marks = {f"@run {nonce}": "run", f"@end {nonce}": "end"}
        self._at: dict[str, int] = {}
        self._partial = b""
        self._empty = 0
        self._stream = stream
        self._verbose = verbose

    def feed(self, chunk: bytes) -> None:
        *whole, self._partial = (self._partial + chunk).split(b"\n")
        for line in whole:
            self._line(line.decode(errors="replace").removesuffix("\r"))
        if self._stream is not None:
            self._stream.flush()

    def close(self) -> None:
        if self._partial:
            self.feed(b"\n")

    def output(self) -> str:
        """Between the marks. Kernel lines (verbose) may have broken one: then all."""
        lines = self.lines[self._at.get("run", 0):self._at.get("end", len(self.lines))]
        # The end mark brings its own line break: an empty line means that the output had one.
        return "\n".join(lines)

    def _line(self, line: str) -> None:
        mark = self._marks.get(line)
        if mark is not None:
            self._at[mark] = len(self.lines)
            if mark == "run":
                self.run_at = time.monotonic()
            return
        self.lines.append(line)
        if self.panic is None and (matched := _PANIC.search(line)):
            self.panic = matched[1]
        if self.fatal is None and (matched := _FATAL.match(line)):
            self.fatal = matched[1]
        in_command = "run" in self._at and "end" not in self._at
        if self._stream is not None and (self._verbose or in_command):
            # The last empty line is the end mark's own, so empty ones wait for a next.
            if line:
                self._stream.write("\n" * self._empty + line + "\n")
            self._empty = 0 if line else self._empty + 1
