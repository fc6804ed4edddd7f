#!/usr/bin/env python3
"""The house's rules for every text file: clean line ends, and nobody's private addresses.

Long files are named, not refused: one idea a file is a reviewer's call.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Bytes that are somebody else's, kept as they came.
AS_THEY_CAME = ("tests/fuzz/corpus/", "tests/fixtures/")
# Kernel style: tabs of eight columns, and nothing but tabs.
KERNEL = re.compile(r"bpf/.*\.[ch]|.*\.bpf\.[ch]")
# What has tabs by its own rules.
TABS = re.compile(r"Makefile|.*\.go|.*/go\.mod")
PUBLIC = {"deb.debian.org", "security.debian.org", "proxy.golang.org", "sum.golang.org", "snapshot.debian.org"}
# A path of somebody's machine. In pieces, or it would find itself.
HOME = re.compile(r"(?<![\w./-])/(?:" + "wo" + "rk|ro" + "ot|ho" + r"me/[a-z])/")
LIMITS = (("tests/", (".cc", ".h", ".sh", ".py"), 400), ("", (".h",), 120), ("", (".cc", ".sh", ".py", ".c"), 300))


def tracked() -> list[str]:
    """What is in the repository, or would be by `git add`."""
    out = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"],
                         check=True, stdout=subprocess.PIPE).stdout.decode()
    return sorted(name for name in out.split("\0") if name and (ROOT / name).is_file())


def private_hosts() -> set[str]:
    """The mirrors this machine was told to use: they must not be in the repository."""
    texts = []
    for path in (*Path("/etc/apt").glob("sources.list"), *Path("/etc/apt").glob("sources.list.d/*")):
        texts.append(path.read_text(errors="replace"))
    hosts = set(re.findall(r"https?://(?:[^@/\s]*@)?([^/\s:]+)", "\n".join(texts)))
    return {host for host in hosts if "." in host} - PUBLIC


def complaints(name: str, text: str, hosts: set[str]) -> list[str]:
    found = []
    if text and not text.endswith("\n"):
        found.append(f"{name}: no newline at the end")
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            found.append(f"{name}:{number}: white space at the end of the line")
        if "\t" in line and not TABS.fullmatch(name) and not KERNEL.fullmatch(name):
            found.append(f"{name}:{number}: a tab")
        if KERNEL.fullmatch(name):
            if line.startswith("  "):
                found.append(f"{name}:{number}: indented by spaces: kernel style has tabs")
            if len(line.expandtabs(8)) > 100:
                found.append(f"{name}:{number}: longer than 100 columns")
        if HOME.search(line):
            found.append(f"{name}:{number}: a path of somebody's machine")
        found += [f"{name}:{number}: a mirror of somebody's network" for host in hosts if host in line]
    return found


def main() -> int:
    hosts = private_hosts()
    wrong: list[str] = []
    for name in tracked():
        if name.startswith(AS_THEY_CAME):
            continue
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        wrong += complaints(name, text, hosts)
        limit = next((limit for folder, kinds, limit in LIMITS
                      if name.startswith(folder) and name.endswith(kinds)), None)
        if limit and (lines := text.count("\n")) > limit:
            print(f"note: {name}: {lines} lines; the aim is {limit}")
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
