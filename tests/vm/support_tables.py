"""Renders what the matrix found as the tables of docs/kernel-support.md.

The same findings give the same bytes: no times, no minor versions, nothing in
the order in which boots happened to end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BEGIN = re.compile(r"^<!-- matrix:begin.*-->$", re.MULTILINE)
END = "<!-- matrix:end -->"
METHODS = ("fentry", "kprobe", "tp_btf", "tracepoint", "kmsg")

LEGEND = """\
*exact*: read at the kill. *inferred*: concluded from counters, and said to be (`scope_inferred`).
*late*: asked from /proc after the kill, absent where the process or its cgroup has gone. *unknown*:
absent, and named in `attribution.missing`."""


@dataclass(frozen=True, order=True)
class Boot:
    """One cell of the matrix. `place` orders kernels as they are listed, not as text."""

    place: int
    kernel: str
    cgroup: str
    lockdown: str

    def __str__(self) -> str:
        return f"{self.kernel} {self.cgroup}{'' if self.lockdown == 'none' else ' ' + self.lockdown}"


Findings = Mapping[Boot, Mapping[str, Any]]


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def merged(rows: Sequence[tuple[Boot, tuple[str, ...]]]) -> list[list[str]]:
    """Rows of one kernel and lockdown that differ in the cgroup version only, as one."""
    groups: dict[tuple[int, str, str, tuple[str, ...]], list[str]] = {}
    for boot, cells in sorted(rows):
        groups.setdefault((boot.place, boot.kernel, boot.lockdown, cells), []).append(boot.cgroup)
    order = {"none": 0, "integrity": 1, "confidentiality": 2}
    keys = sorted(groups, key=lambda key: (key[0], order.get(key[2], 3), groups[key]))
    return [[kernel, lockdown, ", ".join(sorted(groups[key])), *cells]
            for key in keys for _, kernel, lockdown, cells in (key,)]


def availability(method: Mapping[str, Any]) -> str:
    if method.get("available"):
        return "yes" if method["pins"] else "yes, no pins"
    reason = re.search(r"\bE[A-Z0-9]+ at (?:load|attach)", str(method.get("reason", "")))
    return reason[0] if reason else "no"


def records(method: Mapping[str, Any]) -> str:
    if not method.get("available"):
        return "-"
    cases: Mapping[str, str] = method["records"]
    special: dict[str, list[str]] = {}
    for when, shape in cases.items():
        if when:
            special.setdefault(shape, []).append(when)
    return "<br>".join([cases[""], *(f"{' or '.join(whens)}: {shape}" for shape, whens in special.items())])


def where(boots: Sequence[Boot], everywhere: Sequence[Boot]) -> str:
    """Names some boots of `everywhere`, whole kernels by their name alone."""
    names = []
    for lockdown in sorted({boot.lockdown for boot in boots}):
        kernels = []
        for kernel in dict.fromkeys(boot.kernel for boot in sorted(boots) if boot.lockdown == lockdown):
            mine = [b.cgroup for b in boots if (b.kernel, b.lockdown) == (kernel, lockdown)]
            all_of = [b.cgroup for b in everywhere if (b.kernel, b.lockdown) == (kernel, lockdown)]
            kernels.append(kernel if len(mine) == len(all_of) else f"{kernel} {'/'.join(sorted(mine))}")
        names.append(", ".join(kernels) + ("" if lockdown == "none" else f" under {lockdown}"))
    return "; ".join(names)


def knowledge(findings: Findings) -> str:
    shapes: dict[str, list[Boot]] = {}
    for boot, found in findings.items():
        for method in METHODS:
            if found["methods"][method].get("available"):
                for shape in found["methods"][method]["records"].values():
                    if boot not in shapes.setdefault(shape, []):
                        shapes[shape].append(boot)
    facts = next(iter(findings.values()))["facts"]
    columns = [shape for shape in next(iter(facts.values())) if shape in shapes]
    rows = []
    for fact in facts:
        cells = [fact]
        for shape in columns:
            values: dict[str, list[Boot]] = {}
            for boot in sorted(shapes[shape]):
                values.setdefault(findings[boot]["facts"][fact][shape], []).append(boot)
            usual = max(values, key=lambda value: (len(values[value]), value))
            text = usual
            for value in sorted(values):
                if value != usual:
                    text += f"<br>{value} on {where(values[value], shapes[shape])}"
            cells.append(text)
        rows.append(cells)
    return table(["", *columns], rows)


def render(findings: Findings) -> str:
    def by_boot(cell: Any) -> list[tuple[Boot, tuple[str, ...]]]:
        return [(boot, tuple(cell(found["methods"][m]) for m in METHODS)) for boot, found in findings.items()]

    heading = ["kernel", "lockdown", "cgroup", *METHODS]
    return "\n\n".join((
        "Which methods work, and where kills made while no agent runs are kept for the next one (pins):",
        table(heading, merged(by_boot(availability))),
        "What a method's record of a kill is:",
        table(heading, merged(by_boot(records))),
        "What such a record tells:",
        knowledge(findings),
        LEGEND))


def spliced(document: str, tables: str) -> str:
    """`document` with the tables between its marks. ValueError where it has none."""
    begin = BEGIN.search(document)
    end = document.find(END, begin.end() if begin else 0)
    if begin is None or end < 0:
        raise ValueError("no <!-- matrix:begin --> … <!-- matrix:end --> to write between")
    return f"{document[:begin.end()]}\n{tables}\n{document[end:]}"


def update(path: Path, tables: str, *, check: bool) -> bool:
    """Whether the file held these tables already; writes them, unless it only checks."""
    before = path.read_text()
    after = spliced(before, tables)
    if after != before and not check:
        path.write_text(after)
    return after == before
