#!/usr/bin/env python3
"""Writes an OCI image archive of a few files: no registry, no builder.

usage: oci_archive.py IMAGE ARCHIVE PATH-IN-IMAGE=FILE...
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import sys
import tarfile
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = mode
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def digest(blob: bytes) -> str:
    return "sha256:" + hashlib.sha256(blob).hexdigest()


def descriptor(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest(blob), "size": len(blob)}


def archive(image: str, files: dict[str, Path]) -> bytes:
    system = {"architecture": ARCHITECTURES[platform.machine()], "os": "linux"}
    layer = tar({path: (file.read_bytes(), 0o755) for path, file in files.items()})
    config = json.dumps(system | {
        "config": {"Entrypoint": ["/" + next(iter(files))]},
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
    }).encode()
    manifest = json.dumps({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, config),
        "layers": [descriptor(LAYER, layer)],
    }).encode()
    index = json.dumps({
        "schemaVersion": 2,
        "manifests": [descriptor(MANIFEST, manifest) | {
            "platform": system,
            "annotations": {"io.containerd.image.name": image},
        }],
    }).encode()
    blobs = {"blobs/" + digest(blob).replace(":", "/"): (blob, 0o644)
             for blob in (manifest, config, layer)}
    return tar({"oci-layout": (b'{"imageLayoutVersion": "1.0.0"}', 0o644),
                "index.json": (index, 0o644)} | blobs)


def main() -> None:
    image, out, *files = sys.argv[1:]
    pairs = (file.split("=", 1) for file in files)
    Path(out).write_bytes(archive(image, {path: Path(file) for path, file in pairs}))


if __name__ == "__main__":
    main()
