"""Counts what was tried, as every stage of this house does: a line each, and a last line with the sum."""

from __future__ import annotations

import contextlib
import sys
import time
import traceback
from collections.abc import Iterator

from processes import ClusterError


class Checks:
    def __init__(self) -> None:
        self.results: list[tuple[str, bool]] = []

    @property
    def failed(self) -> int:
        return sum(not passed for _, passed in self.results)

    @contextlib.contextmanager
    def group(self, name: str) -> Iterator[None]:
        """Checks are within; what is raised between them is a failure of its own."""
        try:
            yield
        except Exception as error:  # noqa: BLE001
            self.fail(name, error)

    def fail(self, name: str, error: Exception, seconds: float = 0) -> None:
        self.results.append((name, False))
        said = str(error) or repr(error)
        print(f"FAIL {name} ({seconds:.1f} s)\n     " + said.replace("\n", "\n     "), flush=True)
        if not isinstance(error, (AssertionError, ClusterError)):
            traceback.print_exception(error, file=sys.stdout)

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """What is raised within has failed this check, and ends no other."""
        started = time.monotonic()
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, it has failed this one
            self.fail(name, error, time.monotonic() - started)
        else:
            self.results.append((name, True))
            print(f"ok   {name} ({time.monotonic() - started:.1f} s)", flush=True)

    def summary(self) -> str:
        return f"{len(self.results) - self.failed} passed, {self.failed} failed"


def expect(condition: object, message: str) -> None:
    if not condition:
        raise AssertionError(message)
