"""oomtrail in the cluster, as its README installs it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass

import plan
import tools
from cluster import Cluster
from node_tools import running_pod
from processes import run, until

NAMESPACE = "oomtrail"
CHART = "charts/oomtrail"
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? ([-+.\deE]+|NaN)(?: \d+)?$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Sample:
    name: str
    labels: dict[str, str]
    value: float


def parse_metrics(text: str) -> list[Sample]:
    matches = (_SAMPLE.match(line.partition(" # ")[0]) for line in text.splitlines() if not line.startswith("#"))
    return [Sample(found[1], dict(_LABEL.findall(found[2] or "")), float(found[3])) for found in matches if found]


def readme_commands(beginning: str) -> list[str]:
    """The README's own commands that begin so, from its code blocks, continuation lines joined."""
    text = (plan.REPOSITORY / "README.md").read_text().replace("\\\n", " ")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip().startswith(beginning)]


class Agent:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._kubectl = cluster.kubectl
        bin_dir = cluster.home / "bin"
        bin_dir.mkdir(exist_ok=True)
        for name, program in (("kubectl", tools.kubernetes("kubectl")), ("helm", tools.helm())):
            if not (bin_dir / name).exists():
                (bin_dir / name).symlink_to(program)
        self._environment = {"PATH": f"{bin_dir}:{os.environ['PATH']}", "KUBECONFIG": str(cluster.kubectl.kubeconfig),
                             "HELM_CACHE_HOME": str(cluster.home / "helm"),
                             "HELM_CONFIG_HOME": str(cluster.home / "helm"),
                             "HELM_DATA_HOME": str(cluster.home / "helm")}

    def sh(self, command: str, timeout_s: float = 300) -> str:
        """A command as a person would type it, in the repository, with kubectl and helm on the path."""
        assert self._cluster.network is not None
        return run(self._cluster.network.inside("sh", "-c", f"cd {plan.REPOSITORY} && {command}"),
                   env=self._environment, timeout_s=timeout_s)

    def wait_ready(self, timeout_s: float = 240) -> None:
        self._kubectl("rollout", "status", "daemonset/oomtrail", "-n", NAMESPACE, f"--timeout={timeout_s:.0f}s",
                      timeout_s=timeout_s + 10)

    def pod(self, node: plan.Node) -> str:
        return until(f"agent on {node.name}", lambda: running_pod(
            self._kubectl, NAMESPACE, "app.kubernetes.io/name=oomtrail", node), 120)

    def log(self, node: plan.Node) -> str:
        return self._kubectl("logs", "-n", NAMESPACE, self.pod(node), "-c", "agent")

    def history(self, node: plan.Node) -> list[dict]:
        """All that the agent's journal has, in order: asked for by gRPC."""
        text = self._kubectl("exec", "-n", NAMESPACE, self.pod(node), "-c", "agent", "--", "/oomtrail", "list",
                             "--since", "12h", "-o", "json")
        return [json.loads(line) for line in text.splitlines()]

    def metrics(self, node: plan.Node) -> list[Sample]:
        return parse_metrics(self._kubectl(
            "get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/pods/{self.pod(node)}:9779/proxy/metrics"))

    def counted(self, node: plan.Node) -> dict[tuple[str, str, str], int]:
        """Kills as /metrics has them: by namespace, pod and container."""
        kills: dict[tuple[str, str, str], int] = {}
        for each in self.metrics(node):
            if each.name == "oomtrail_oom_kills_total" and each.value:
                labels = each.labels
                key = (labels["namespace"], labels["pod"], labels["container"])
                kills[key] = kills.get(key, 0) + int(each.value)
        return kills

    def lost(self, node: plan.Node) -> dict[str, float]:
        return {each.labels["stage"]: each.value for each in self.metrics(node)
                if each.name == "oomtrail_events_lost_total" and each.value}


def cadvisor(cluster: Cluster, node: plan.Node) -> list[Sample]:
    """What the kubelet itself counts."""
    text = cluster.kubectl("get", "--raw", f"/api/v1/nodes/{node.name}/proxy/metrics/cadvisor")
    return [each for each in parse_metrics(text) if each.name == "container_oom_events_total"]
