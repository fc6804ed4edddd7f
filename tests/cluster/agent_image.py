"""The agent's image, as the Dockerfile makes it, and the reference under which the chart asks for it."""

from __future__ import annotations

import re
import subprocess
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


def archive() -> Path:
    done = subprocess.run([str(plan.REPOSITORY / "scripts/image.sh")], text=True, capture_output=True)
    if done.returncode != 0:
        raise tools.CannotRun(f"scripts/image.sh: {(done.stderr or done.stdout).strip()[-2000:]}")
    return _ARCHIVE
