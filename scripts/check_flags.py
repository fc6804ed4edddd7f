#!/usr/bin/env python3
"""Fails where the documentation names a flag or command of oomtrail that --help does not know.

Looked at: every command that begins with `oomtrail` in a code block or in `code`, and every
`--flag` that stands in `code` by itself. Not docs/design.md and docs/adr: they say what is meant.

  check_flags.py PROGRAM
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
# Up to what ends a shell command.
COMMAND = re.compile(r"(?:^|[\s/`(])oomtrail((?:[ \t]+[^\s|;&<>#`)]+)*)")


def helped(program: str, *command: str) -> str:
    return subprocess.run([program, *command, "--help"], check=True, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE).stdout


def subcommands(text: str) -> list[str]:
    section = text.partition("Subcommands:\n")[2]
    return re.findall(r"^  ([a-z]+) ", section, re.MULTILINE)


def code(text: str) -> list[tuple[int, str]]:
    """(line number, code) of each line in a fenced block and each `span`."""
    found, fenced = [], False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced:
            found.append((number, line))
        else:
            found += [(number, span) for span in re.findall(r"`([^`]+)`", line)]
    return found


def unknown(piece: str, known: dict[str, set[str]]) -> list[str]:
    found = []
    for match in COMMAND.finditer(piece):
        words = match[1].split()
        if not words or not (words[0].startswith("--") or re.fullmatch("[a-z]+", words[0])):
            continue
        command = "" if words[0].startswith("--") else words[0]
        if command not in known:
            found.append(f"oomtrail {command}: there is no such command")
            continue
        found += [f"oomtrail {command} {flag}: there is no such flag"
                  for flag in FLAG.findall(match[1]) if flag not in known[command]]
    if (alone := FLAG.match(piece)) and alone[0] not in set().union(*known.values()):
        found.append(f"{alone[0]}: there is no such flag")
    return found


def main() -> int:
    program = sys.argv[1]
    top = helped(program)
    known = {"": set(FLAG.findall(top))}
    for command in subcommands(top):
        known[command] = set(FLAG.findall(helped(program, command)))
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    wrong = 0
    for path in sorted(documents):
        if path == ROOT / "docs/design.md":
            continue
        for number, piece in code(path.read_text(encoding="utf-8")):
            for complaint in unknown(piece, known):
                print(f"{path.relative_to(ROOT)}:{number}: {complaint}")
                wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
