"""Reads an OCI archive: a tar of content-addressed files, one image in it.

Every blob is checked against its digest. Spec: opencontainers/image-spec, image-layout.md.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class ImageDamaged(Exception):
    """A blob is missing or is not what its digest says; or there is not exactly one image."""


@dataclass(frozen=True)
class Image:
    """`files` is what a container gets as its root, by path without the leading slash."""

    reference: str
    digest: str
    config: dict[str, Any]
    files: dict[str, tarfile.TarInfo]
    contents: dict[str, bytes]

    @property
    def size(self) -> int:
        """Uncompressed: what it takes on a node's disk."""
        return sum(member.size for member in self.files.values())

    def unpack(self, root: Path) -> None:
        for name, member in self.files.items():
            place = root / name
            if member.isdir():
                place.mkdir(parents=True, exist_ok=True)
            elif member.issym():
                place.symlink_to(member.linkname)
            else:
                place.write_bytes(self.contents[name])
            if not member.issym():
                place.chmod(member.mode)


def _blob(archive: tarfile.TarFile, digest: str) -> bytes:
    algorithm, _, value = digest.partition(":")
    try:
        file = archive.extractfile(f"blobs/{algorithm}/{value}")
    except KeyError:
        raise ImageDamaged(f"there is no blob {digest}") from None
    content = file.read() if file else b""
    if algorithm != "sha256" or hashlib.sha256(content).hexdigest() != value:
        raise ImageDamaged(f"blob {digest} is not what it is named")
    return content


def read(path: Path) -> Image:
    with tarfile.open(path) as archive:
        index_file = archive.extractfile("index.json")
        index = json.loads(index_file.read() if index_file else b"{}")
        if len(index.get("manifests", [])) != 1:
            raise ImageDamaged(f"{path}: {len(index.get('manifests', []))} images instead of one")
        entry = index["manifests"][0]
        manifest = json.loads(_blob(archive, entry["digest"]))
        config = json.loads(_blob(archive, manifest["config"]["digest"]))
        files: dict[str, tarfile.TarInfo] = {}
        contents: dict[str, bytes] = {}
        for layer in manifest["layers"]:
            with tarfile.open(fileobj=io.BytesIO(_blob(archive, layer["digest"]))) as tar:
                for member in tar:
                    name = member.name.removeprefix("./").rstrip("/")
                    if not name or name == ".":
                        continue
                    files[name] = member
                    content = tar.extractfile(member) if member.isreg() else None
                    if content is not None:
                        contents[name] = content.read()
    reference = entry.get("annotations", {}).get("org.opencontainers.image.ref.name", "")
    return Image(reference, entry["digest"], config, files, contents)
