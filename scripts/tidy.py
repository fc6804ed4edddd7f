#!/usr/bin/env python3
"""Runs clang-tidy over agent/**/*.cc, two files at a time, and only where something changed.

What a file's verdict depends on is hashed: the tool, .clang-tidy, the compile command, and the
content of every file that the compiler read for it (as ninja recorded them). A clean verdict is
kept as an empty file of that name outside the repository; findings are never kept.

  tidy.py [FILE...]     those files only; needs build/release built
"""

from __future__ import annotations

import concurrent.futures
import functools
import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/release"
CACHE = Path(os.environ.get("OOMTRAIL_CACHE") or
             Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "oomtrail") / "tidy"


@functools.cache
def content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def recorded_dependencies() -> dict[str, list[Path]]:
    """Of each object: what the compiler read for it."""
    text = subprocess.run(["ninja", "-C", str(BUILD), "-t", "deps"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    found: dict[str, list[Path]] = {}
    for block in text.split("\n\n"):
        head, *lines = block.splitlines() or [""]
        found[head.partition(":")[0]] = [BUILD / line.strip() for line in lines if line.startswith("    ")]
    return found


def object_of(entry: dict[str, str]) -> str:
    words = shlex.split(entry["command"])
    return words[words.index("-o") + 1]


def key(entry: dict[str, str], dependencies: list[Path], tool: str) -> str:
    """Does not depend on where the clone lies."""
    parts = [tool, entry["command"].replace(str(ROOT), "."), content(ROOT / ".clang-tidy")]
    parts += [content(path) for path in dependencies]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def findings(source: str) -> str:
    """What clang-tidy says of one file; empty where it has nothing to say."""
    done = subprocess.run(["clang-tidy", "--quiet", "-p", str(BUILD), source], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode == 0:
        return ""
    return done.stdout or done.stderr or f"{source}: clang-tidy ended with {done.returncode}\n"


def main() -> int:
    wanted = {str(Path(name).resolve()) for name in sys.argv[1:]}
    tool = subprocess.run(["clang-tidy", "--version"], check=True, text=True, stdout=subprocess.PIPE).stdout
    entries = [entry for entry in json.loads((BUILD / "compile_commands.json").read_text())
               if Path(entry["file"]).is_relative_to(ROOT / "agent") and (not wanted or entry["file"] in wanted)]
    recorded = recorded_dependencies()
    CACHE.mkdir(parents=True, exist_ok=True)

    stale: list[tuple[str, Path]] = []
    for entry in entries:
        dependencies = recorded.get(object_of(entry))
        if not dependencies:
            sys.exit(f"tidy: {entry['file']} is not built: run make build first")
        verdict = CACHE / key(entry, dependencies, tool)
        if not verdict.exists():
            stale.append((entry["file"], verdict))

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for (_, verdict), said in zip(stale, pool.map(findings, [source for source, _ in stale])):
            if said:
                failed += 1
                print(said, end="", flush=True)
            else:
                verdict.touch()
    print(f"clang-tidy: {len(entries)} files, {len(stale)} of them new or changed, {failed} with findings")
    return 1 if failed or not entries else 0


if __name__ == "__main__":
    sys.exit(main())
