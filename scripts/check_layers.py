#!/usr/bin/env python3
"""Fails where a folder under agent/ includes one that comes after it in the flow.

The order is the architecture (docs/design.md): each folder may use those named before it. The
last three are leaves, and do not know each other.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ORDER = ["base", "model", "kernel", "decode", "resolve", "forecast", "attribute", "journal",
         "publish", "sinks", "api", "cli"]
LEAVES = {"sinks", "api", "cli"}
INCLUDE = re.compile(r'^\s*#\s*include\s+"agent/([a-z_]+)/', re.MULTILINE)


def allowed(user: str, used: str) -> bool:
    if user == used:
        return True
    return ORDER.index(used) < ORDER.index(user) and not (user in LEAVES and used in LEAVES)


def main() -> int:
    agent = Path(__file__).resolve().parent.parent / "agent"
    wrong = 0
    for path in sorted(path for path in agent.glob("*/*") if path.suffix in (".cc", ".h")):
        user = path.parent.name
        if user not in ORDER:
            print(f"agent/{user}: not a folder of the architecture ({', '.join(ORDER)})")
            return 1
        for match in INCLUDE.finditer(path.read_text()):
            if match[1] not in ORDER or not allowed(user, match[1]):
                line = path.read_text().count("\n", 0, match.start(1)) + 1
                print(f"agent/{user}/{path.name}:{line}: {user} must not know {match[1]}")
                wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
