"""Renders which kernels, kubelets, runtimes and drivers were run into docs/kubernetes-support.md.

The same findings give the same bytes: no times, no minor versions of what moves by itself.
"""

from __future__ import annotations

import re

import plan
from checks import Checks

_FILE = plan.REPOSITORY / "docs/kubernetes-support.md"
_BEGIN = re.compile(r"^<!-- e2e:begin.*-->$", re.MULTILINE)
_END = "<!-- e2e:end -->"


def _table(heading: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heading, ["---"] * len(heading), *rows))


def _nodes() -> str:
    rows = []
    for what, value in (
            ("distribution", lambda n: f"Debian {n.suite}, systemd"),
            ("kernel", lambda n: f"{n.kernel} (Debian's cloud kernel)"),
            ("lockdown", lambda n: n.cmdline.partition("lockdown=")[2] or "none"),
            ("kubelet", lambda n: n.kubelet),
            ("runtime", lambda n: "Debian's containerd 1.7" if n.containerd == "debian" else f"containerd {n.containerd}"),
            ("cgroup driver", lambda n: f"{n.cgroup_driver}, cgroup v2"),
            ("a container's processes die", lambda n: "one by one (`singleProcessOOMKill: true`)"
                if n.single_process_oom_kill else "together (the kubelet's default)"),
            ("pods are bounded by", lambda n: "node allocatable" if n.reserved_mib else "nothing but the node")):
        rows.append([what, *(value(node) for node in plan.NODES)])
    return _table(["", *(node.name for node in plan.NODES)], rows)


def _cases(checks: Checks) -> str:
    """By case: what each node said, "yes" or "no"; what is of no node stands for both."""
    found: dict[str, dict[str, bool]] = {}
    for name, passed in checks.results:
        node, _, case = name.rpartition(": ")
        of = [node] if node in {each.name for each in plan.NODES} else [each.name for each in plan.NODES]
        for each in of:
            found.setdefault(case if len(of) == 1 else name, {})[each] = passed
    words = {True: "yes", False: "NO", None: "-"}
    return _table(["case", *(node.name for node in plan.NODES)],
                  [[case, *(words[said.get(node.name)] for node in plan.NODES)] for case, said in found.items()])


def write(checks: Checks) -> None:
    text = _FILE.read_text()
    begin = _BEGIN.search(text)
    assert begin is not None
    end = text.index(_END)
    api = f"API server, controller manager and scheduler: {plan.KUBERNETES}."
    _FILE.write_text(f"{text[:begin.end()]}\n{api}\n\n{_nodes()}\n\n{_cases(checks)}\n{text[end:]}")
