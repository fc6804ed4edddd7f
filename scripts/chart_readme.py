#!/usr/bin/env python3
"""Writes the table of values in charts/oomtrail/README.md, from the comments in values.yaml.

  chart_readme.py [--check]    --check: writes nothing, exit 1 where the table is another
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/chart"))

import chart  # noqa: E402

BEGIN = "<!-- values: scripts/chart_readme.py -->\n"
END = "<!-- end of values -->\n"


def table() -> str:
    rows = ["| value | default | |", "|---|---|---|"]
    for value in chart.documented_values():
        default = json.dumps(value.default, ensure_ascii=False)
        comment = value.comment.replace("|", "\\|").replace("*", "\\*")
        rows.append(f"| `{value.path}` | `{default}` | {comment} |")
    return "\n".join(rows) + "\n"


def main() -> int:
    path = chart.CHART / "README.md"
    before = path.read_text(encoding="utf-8")
    head, rest = before.split(BEGIN)
    after = head + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]
    if before == after:
        return 0
    if "--check" in sys.argv[1:]:
        print("charts/oomtrail/README.md: its table is not that of values.yaml (make manifests)")
        return 1
    path.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
