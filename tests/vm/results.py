"""Decodes what a guest sends over its results port.

  begin <nonce>
  <base64 of a gzipped tar: status, dmesg, notes, out/...>
  end <nonce> <sha256 of that tar>

The nonce is the boot's own, so output of the program under test cannot pass
for a frame; the digest shows every lost or altered byte.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path


class ResultDamaged(Exception):
    """The frame is missing, cut, altered, or not what init sends."""


@dataclass(frozen=True)
class Results:
    status: int
    dmesg: str
    notes: tuple[str, ...]
    files: dict[str, bytes]  # by path below the guest's results directory

    def write(self, directory: Path) -> None:
        for name, content in self.files.items():
            place = directory / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def unframe(raw: bytes, nonce: str) -> bytes:
    """The archive inside the frame, proven whole."""
    lines = raw.replace(b"\r", b"").split(b"\n")
    try:
        first = lines.index(f"begin {nonce}".encode())
    except ValueError:
        raise ResultDamaged("no results: the begin marker never came") from None
    prefix = f"end {nonce} ".encode()
    last = next((at for at, line in enumerate(lines) if at > first and line.startswith(prefix)), None)
    if last is None:
        raise ResultDamaged(f"results cut after {len(lines) - first - 1} lines: no end marker")
    try:
        archive = base64.b64decode(b"".join(lines[first + 1:last]), validate=True)
    except binascii.Error as error:
        raise ResultDamaged(f"results are not base64: {error}") from None
    if hashlib.sha256(archive).hexdigest().encode() != lines[last].removeprefix(prefix):
        raise ResultDamaged(f"results altered on the way: sha256 of {len(archive)} bytes differs")
    return archive


def unpack(archive: bytes) -> Results:
    """Regular files only: a link in a guest's archive never reaches the host."""
    members: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            for member in tar:
                if ".." in Path(member.name).parts or member.name.startswith("/"):
                    raise ResultDamaged(f"results name a path outside: {member.name!r}")
                content = tar.extractfile(member) if member.isreg() else None
                if content is not None:
                    members[member.name] = content.read()
        return Results(
            int(members["status"]),
            members["dmesg"].decode(errors="replace"),
            tuple(members["notes"].decode().splitlines()),
            {name.removeprefix("out/"): content for name, content in members.items() if name.startswith("out/")})
    except (tarfile.TarError, EOFError, OSError, KeyError, ValueError) as error:
        raise ResultDamaged(f"results do not unpack: {error!r}") from None


def decode(raw: bytes, nonce: str) -> Results:
    return unpack(unframe(raw, nonce))
