"""What the chart's ServiceAccount may do, and what the API server says of every set of values."""

from __future__ import annotations

import agent
import plan
import tools
from checks import expect
from stand import Stand

_CRDS = (
    ("github.com/prometheus-operator/prometheus-operator", "v0.85.0",
     "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml"),
    ("github.com/prometheus-operator/prometheus-operator", "v0.85.0",
     "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"),
    ("github.com/cert-manager/cert-manager", "v1.21.2", "deploy/crds/cert-manager.io_certificates.yaml"),
)


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
        # Of the operators themselves, which say what they take.
        for module, version, path in _CRDS:
            stand.cluster.kubectl("apply", "--server-side", "-f", str(tools.module(module, version) / path))
        stand.cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        # Where monitoring-values.yaml has Grafana.
        stand.cluster.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "monitoring"}})
    for values in files:
        with stand.checks(f"{values.name}: the API server takes what it renders"):
            stand.agent.sh(f"helm template oomtrail {agent.CHART} -n default --kube-version "
                           f"{plan.KUBERNETES} -f {values} | kubectl apply --dry-run=server -f -")
