"""What the chart's ServiceAccount may do, and what the API server says of every set of values."""

from __future__ import annotations

import re

import agent
import plan
from checks import expect
from stand import Stand


def _allowed(stand: Stand, account: str) -> set[str]:
    text = stand.cluster.kubectl("auth", "can-i", "--list", "--no-headers", f"--as=system:serviceaccount:{account}",
                                 "--as-group=system:serviceaccounts", "--as-group=system:authenticated")
    return {" ".join(line.split()) for line in text.splitlines() if line.strip()}


def least_rbac(stand: Stand) -> None:
    with stand.checks("the ServiceAccount may get nodes/pods, and nothing else that any other may not"):
        more = _allowed(stand, f"{agent.NAMESPACE}:oomtrail") - _allowed(stand, "default:default")
        expect(more == {"nodes/pods [] [] [get]"}, f"it may: {sorted(more)}")


def server_side(stand: Stand) -> None:
    files = sorted((plan.REPOSITORY / agent.CHART / "ci").glob("*-values.yaml"))
    with stand.checks("the chart has sets of values to try"):
        expect(files, f"none in {agent.CHART}/ci")
    for values in files:
        with stand.checks(f"{values.name}: the API server takes what it renders"):
            rendered = stand.agent.sh(f"helm template oomtrail {agent.CHART} -n default -f {values}")
            # The cluster has none of the operators whose kinds these are: kubeconform has their schemas.
            own = [each for each in rendered.split("\n---\n")
                   if not re.search(r"^apiVersion: (monitoring\.coreos\.com|cert-manager\.io)/", each, re.MULTILINE)]
            stand.cluster.kubectl("apply", "--dry-run=server", "-f", "-", stdin="\n---\n".join(own))
