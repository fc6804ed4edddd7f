"""The example subscriber (examples/go), built as docs/clients.md says, as an image."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import plan
import tools

sys.path.insert(0, str(plan.REPOSITORY / "tests/host/containerd"))
import oci_archive  # noqa: E402

IMAGE = "localhost/oomtrail-controller:1"
_PLUGINS = (("google.golang.org/protobuf/cmd/protoc-gen-go", "v1.36.11"),
            ("google.golang.org/grpc/cmd/protoc-gen-go-grpc", "v1.6.2"))


def build(scratch: Path) -> Path:
    """An OCI archive, made below `scratch`."""
    house = scratch / "controller"
    shutil.copytree(plan.REPOSITORY / "proto", house / "proto")
    shutil.copytree(plan.REPOSITORY / "examples/go", house / "examples/go",
                    ignore=shutil.ignore_patterns("oomtrail", "subscriber"))
    (house / "examples/go/oomtrail/v1").mkdir(parents=True)
    found = re.search(r"<!-- run: go -->\n```sh\n(.*?)```", (plan.REPOSITORY / "docs/clients.md").read_text(), re.DOTALL)
    assert found is not None
    path = ":".join(str(tools.go_tool(module, version).parent) for module, version in _PLUGINS)
    done = subprocess.run(["bash", "-euc", found[1]], cwd=house, text=True, capture_output=True,
                          env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-ldflags=-s", "PATH": f"{path}:{os.environ['PATH']}"})
    if done.returncode != 0:
        raise RuntimeError(f"docs/clients.md's commands: {done.stderr.strip()[-2000:]}")
    archive = scratch / "controller.tar"
    archive.write_bytes(oci_archive.archive(IMAGE, {"subscriber": house / "examples/go/subscriber"}))
    return archive
