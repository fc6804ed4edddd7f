"""Writes the cpio "newc" archives the kernel unpacks as its initramfs.

An own writer, because cpio is not on a new machine and because device nodes
then need no privilege. Output is reproducible: no times, owners or host inodes.
Format: Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import stat
from typing import BinaryIO


class CpioWriter:
    """Appends entries to `out`. A directory must be written before what is in it."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._inode = 0

    def directory(self, name: str, permissions: int = 0o755) -> None:
        self._entry(name, stat.S_IFDIR | permissions)

    def file(self, name: str, content: bytes, permissions: int = 0o644) -> None:
        self._entry(name, stat.S_IFREG | permissions, content)

    def symlink(self, name: str, target: str) -> None:
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def char_device(self, name: str, major: int, minor: int, permissions: int = 0o600) -> None:
        self._entry(name, stat.S_IFCHR | permissions, device=(major, minor))

    def close(self) -> None:
        """Ends the archive; `out` stays open."""
        self._inode = -1
        self._entry("TRAILER!!!", 0)

    def _entry(self, name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        self._inode += 1
        encoded = name.lstrip("/").encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        # inode mode uid gid nlink mtime size devmajor devminor rdevmajor rdevminor namesize check
        fields = (self._inode, mode, 0, 0, links, 0, len(content), 0, 0, *device, len(encoded), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        self._padded(header + encoded)
        self._padded(content)

    def _padded(self, block: bytes) -> None:
        self._out.write(block)
        self._out.write(b"\0" * (-len(block) % 4))
