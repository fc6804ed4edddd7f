"""The images of the workloads, built here: no registry exists. Static programs only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import plan

sys.path.insert(0, str(plan.REPOSITORY / "tests/host/containerd"))
import oci_archive  # noqa: E402

PAUSE = "localhost/oomtrail-pause:1"
WORKLOAD = "localhost/oomtrail-workload:1"
BUSYBOX = Path("/bin/busybox")
_PAUSE_SOURCE = plan.REPOSITORY / "tests/host/containerd/images/pause.c"
_EAT_SOURCE = plan.REPOSITORY / "tests/cluster/images/eat.c"


def _compiled(source: Path, out: Path) -> Path:
    subprocess.run(["cc", "-O1", "-static", "-Wall", "-Wextra", "-Werror", "-o", str(out), str(source)], check=True)
    return out


def build(into: Path) -> list[Path]:
    """OCI archives in `into`: what holds a pod's sandbox open, and what the workloads run."""
    into.mkdir(parents=True, exist_ok=True)
    pause = _compiled(_PAUSE_SOURCE, into / "pause")
    eat = _compiled(_EAT_SOURCE, into / "eat")
    archives = [into / "pause.tar", into / "workload.tar"]
    archives[0].write_bytes(oci_archive.archive(PAUSE, {"pause": pause}))
    archives[1].write_bytes(oci_archive.archive(WORKLOAD, {"bin/eat": eat, "bin/busybox": BUSYBOX}))
    return archives
