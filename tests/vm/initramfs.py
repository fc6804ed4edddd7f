"""Assembles a guest's root: busybox, the init script, and the files under test.

A dynamically linked program brings its interpreter and libraries along, at the
paths it will look for them. Uncompressed: under emulation the kernel would
spend longer unpacking than the host saves by packing.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from cpio import CpioWriter

INIT = Path(__file__).with_name("init.sh")
_DIRECTORIES = ("bin", "dev", "etc", "out", "proc", "root", "run", "sbin", "sys", "tmp", "usr/bin", "usr/sbin",
                "var/log", "vm")
_TEXTS = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "/etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "/etc/hosts": "127.0.0.1 localhost oomtrail-vm\n::1 localhost\n",
}


class InitramfsError(Exception):
    """A file for the guest is missing or cannot run there."""


@dataclass(frozen=True)
class File:
    content: bytes | Path
    permissions: int = 0o644


def is_elf(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def libraries(program: Path) -> list[Path]:
    """The interpreter and shared libraries `program` loads; none if it is static."""
    done = subprocess.run(["ldd", str(program)], text=True, capture_output=True,
                          env={**os.environ, "LC_ALL": "C"})
    return parse_ldd(program, done.stdout + done.stderr)


def parse_ldd(program: Path, text: str) -> list[Path]:
    found = []
    for line in text.splitlines():
        if "=> not found" in line:
            raise InitramfsError(f"{program}: {line.strip()}")
        if matched := re.match(r"\s+(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)$", line):
            found.append(Path(matched[1]))
    return found


class Root:
    """The guest's files by absolute path; what is added later wins."""

    def __init__(self) -> None:
        self._entries: dict[PurePosixPath, File | str | None] = {}
        for directory in _DIRECTORIES:
            self._add(f"/{directory}", None)

    def _add(self, path: str, entry: File | str | None) -> None:
        place = PurePosixPath(path)
        if not place.is_absolute() or ".." in place.parts or place == PurePosixPath("/"):
            raise InitramfsError(f"{path}: a guest path must be absolute and name a file")
        for parent in place.parents:
            if self._entries.setdefault(parent, None) is not None:
                raise InitramfsError(f"{path}: {parent} is not a directory in the guest")
        before = self._entries.get(place, entry)
        if (before is None) != (entry is None):
            raise InitramfsError(f"{path}: both a file and a directory")
        self._entries[place] = entry

    def file(self, path: str, file: File) -> None:
        self._add(path, file)

    def text(self, path: str, text: str) -> None:
        self._add(path, File(text.encode()))

    def symlink(self, path: str, target: str) -> None:
        self._add(path, target)

    def host(self, source: Path, path: str) -> None:
        """Copies a host file, or a directory with all it holds, following symlinks."""
        if source.is_dir():
            self._add(path, None)
            for child in sorted(source.iterdir()):
                self.host(child, f"{path}/{child.name}")
            return
        if not source.is_file():
            raise InitramfsError(f"{source}: no such file")
        self._add(path, File(source, source.stat().st_mode & 0o777))
        if is_elf(source):
            for library in libraries(source):
                self._add(str(library), File(library, library.stat().st_mode & 0o777))

    def write(self, out: BinaryIO) -> None:
        archive = CpioWriter(out)
        # Sorted, so that a directory comes before what is in it.
        for path, entry in sorted(self._entries.items(), key=lambda item: item[0].parts):
            name = str(path)[1:]
            if entry is None:
                if name:
                    archive.directory(name)
            elif isinstance(entry, str):
                archive.symlink(name, entry)
            else:
                content = entry.content if isinstance(entry.content, bytes) else entry.content.read_bytes()
                archive.file(name, content, entry.permissions)
        # Init's standard streams, before devtmpfs is there.
        archive.char_device("dev/console", 5, 1)
        archive.close()


def standard_root(files: Iterable[tuple[Path, str]], params: Mapping[str, str], command: str,
                  busybox: Path) -> Root:
    """Everything a guest needs to run `command` and send its results back."""
    if not busybox.is_file() or libraries(busybox):
        raise InitramfsError(f"{busybox}: a static busybox is needed (remedy: apt-get install busybox-static)")
    root = Root()
    root.file("/bin/busybox", File(busybox, 0o755))
    root.symlink("/bin/sh", "/bin/busybox")
    for path, text in _TEXTS.items():
        root.text(path, text)
    root.file("/init", File(INIT, 0o755))
    root.text("/vm/params", "".join(f"{key}={shlex.quote(value)}\n" for key, value in params.items()))
    root.text("/vm/command", command + "\n")
    for source, path in files:
        root.host(source, path)
    return root
