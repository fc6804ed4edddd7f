"""The agent's image, as the Dockerfile makes it, and the reference under which the chart asks for it."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

import plan
import tools

_ARCHIVE = plan.REPOSITORY / "build/image/oomtrail-amd64.oci.tar"


def reference() -> str:
    """The chart's default."""
    chart = plan.REPOSITORY / "charts/oomtrail"
    repository = re.search(r"^  repository: (\S+)", (chart / "values.yaml").read_text(), re.MULTILINE)
    version = re.search(r"^appVersion: \"?([^\"\s]+)", (chart / "Chart.yaml").read_text(), re.MULTILINE)
    assert repository is not None and version is not None
    return f"{repository[1]}:{version[1]}"


def archive(into: Path) -> Path:
    """The image's archive, under the name that containerd's importer keeps as it is."""
    given = os.environ.get("OOMTRAIL_IMAGE_ARCHIVE")
    if not given:
        done = subprocess.run([str(plan.REPOSITORY / "scripts/image.sh")], text=True, capture_output=True)
        if done.returncode != 0:
            raise tools.CannotRun(f"scripts/image.sh: {(done.stderr or done.stdout).strip()[-2000:]}")
    named = into / "oomtrail.tar"
    with tarfile.open(given or _ARCHIVE) as source, tarfile.open(named, "w") as out:
        for entry in source:
            content = source.extractfile(entry) if entry.isfile() else None
            raw = content.read() if content else b""
            if entry.name == "index.json":
                index = json.loads(raw)
                for manifest in index["manifests"]:
                    manifest.setdefault("annotations", {})["io.containerd.image.name"] = reference()
                raw = json.dumps(index).encode()
                entry.size = len(raw)
            out.addfile(entry, io.BytesIO(raw))
    return named
