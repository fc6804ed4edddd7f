"""The chart, rendered by helm itself; and what its values are, with the comments above them."""

from __future__ import annotations

import functools
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/oomtrail"
HELM = ("helm.sh/helm/v3/cmd/helm", "v3.22.0")
# What the tests render for; a helm built by `go install` would take itself for Kubernetes 1.20.
KUBERNETES = "1.36.3"


class HelmError(Exception):
    pass


@functools.cache
def helm_program() -> str:
    return subprocess.run([ROOT / "scripts/go_tool.sh", *HELM], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def helm(*arguments: str) -> str:
    done = subprocess.run([helm_program(), *arguments], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise HelmError(done.stderr.strip())
    return done.stdout


def render_text(values: dict[str, Any] | None = None, *arguments: str, release: str = "oomtrail",
                namespace: str = "oomtrail") -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values or {}, file)
        file.flush()
        return helm("template", release, str(CHART), "--namespace", namespace, "--kube-version",
                    KUBERNETES, "--values", file.name, *arguments)


def render(values: dict[str, Any] | None = None, *arguments: str, **where: str) -> list[dict]:
    return [document for document in yaml.safe_load_all(render_text(values, *arguments, **where))
            if document]


def find(documents: list[dict], kind: str, name: str = "oomtrail") -> dict | None:
    found = [document for document in documents
             if document["kind"] == kind and document["metadata"]["name"] == name]
    assert len(found) <= 1, f"{kind} {name} twice"
    return found[0] if found else None


def nested(path: str, value: Any) -> dict[str, Any]:
    """"a.b" and 1 are {"a": {"b": 1}}."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def merged(*trees: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for tree in trees:
        for key, value in tree.items():
            both = isinstance(value, dict) and isinstance(out.get(key), dict)
            out[key] = merged(out[key], value) if both else value
    return out


@dataclass(frozen=True)
class Value:
    path: str
    default: Any
    comment: str  # empty: none stands above it


def default_values() -> dict[str, Any]:
    return yaml.safe_load((CHART / "values.yaml").read_text())


def documented_values() -> list[Value]:
    """Every value, in order: a key whose own keys have no comments is one, with all of them."""
    found: list[tuple[str, str]] = []
    stack: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in (CHART / "values.yaml").read_text().splitlines():
        text = line.strip()
        if text.startswith("# -- "):
            comment = [text[5:]]
        elif text.startswith("#") and comment:
            comment.append(text[1:].strip())
        elif match := re.match(r"( *)([\w.$/-]+):(?: |$)", line):
            indent = len(match[1])
            stack = [entry for entry in stack if entry[0] < indent] + [(indent, match[2])]
            found.append((".".join(key for _, key in stack), " ".join(comment)))
            comment = []
        else:
            comment = []
    rows: list[Value] = []
    for path, comment in found:
        if any(other.startswith(path + ".") and text for other, text in found):
            continue  # its own keys have comments
        if any(path.startswith(row.path + ".") for row in rows):
            continue  # part of a value
        default: Any = default_values()
        for key in path.split("."):
            default = default[key]
        rows.append(Value(path, default, comment))
    return rows
