"""The programs the cluster is made of: built from their Go modules once, kept outside the repository."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import plan

_SCRIPTS = plan.REPOSITORY / "scripts"
# containerd's optional parts need C libraries; nothing here uses them.
_CONTAINERD_TAGS = {"GOFLAGS": "-tags=no_btrfs,no_zfs,no_aufs,no_devmapper"}


class CannotRun(Exception):
    """This machine lacks something; says what, and the remedy."""


def _built(script: str, *words: str, extra: dict[str, str] | None = None) -> Path:
    done = subprocess.run([str(_SCRIPTS / script), *words], text=True, capture_output=True,
                          env={**os.environ, "CGO_ENABLED": "0", **(extra or {})})
    if done.returncode != 0:
        raise CannotRun(f"{' '.join(words)}: {done.stderr.strip()}")
    return Path(done.stdout.strip())


def kubernetes(program: str, version: str = plan.KUBERNETES) -> Path:
    return _built("kubernetes.sh", version, program)


def containerd(program: str) -> Path:
    return _built("go_tool.sh", f"github.com/containerd/containerd/v2/cmd/{program}", f"v{plan.CONTAINERD}",
                  extra=_CONTAINERD_TAGS)


def cni(plugin: str) -> Path:
    return _built("go_tool.sh", f"github.com/containernetworking/plugins/plugins/{plugin}",
                  f"v{plan.CNI_PLUGINS}")


def helm() -> Path:
    return _built("go_tool.sh", "helm.sh/helm/v3/cmd/helm", f"v{plan.HELM}")


def go_tool(module: str, version: str) -> Path:
    return _built("go_tool.sh", module, version)


def module(name: str, version: str) -> Path:
    """The folder of a Go module's source, which only go itself writes to."""
    done = subprocess.run(["go", "mod", "download", "-json", f"{name}@{version}"], text=True, capture_output=True,
                          cwd="/")
    if done.returncode != 0:
        raise CannotRun(f"{name}@{version}: {(done.stderr or done.stdout).strip()}")
    return Path(json.loads(done.stdout)["Dir"])


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(os.environ.get("OOMTRAIL_CACHE") or f"{base}/oomtrail")
