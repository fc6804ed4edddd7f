"""Counts what was tried, as every stage of this house does: a line each, and a last line with the sum."""

from __future__ import annotations

import contextlib
import sys
import time
import traceback
from collections.abc import Iterator


class Skip(Exception):
    """Not tried, for a reason that is not ours."""


class Checks:
    def __init__(self, only: str = "") -> None:
        self._only = only
        self.passed = 0
        self.failed = 0

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """What is raised within has failed this check, and ends no other."""
        started = time.monotonic()
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, it has failed this one
            self.failed += 1
            said = str(error) if isinstance(error, (AssertionError, RuntimeError)) or not error.args else repr(error)
            print(f"FAIL {name} ({time.monotonic() - started:.1f} s)\n     " + str(error or said).replace("\n", "\n     "),
                  flush=True)
            if not str(error):
                traceback.print_exc(file=sys.stdout)
        else:
            self.passed += 1
            print(f"ok   {name} ({time.monotonic() - started:.1f} s)", flush=True)

    def summary(self) -> str:
        return f"{self.passed} passed, {self.failed} failed"


def expect(condition: object, message: str) -> None:
    if not condition:
        raise AssertionError(message)
