"""A privileged pod on each node, for what only the node itself can say or do; and a subscriber beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass

import plan
from control_plane import Kubectl
from processes import CommandFailed, until
from workload_images import WORKLOAD

NAMESPACE = "e2e-tools"
CRI = "unix:///run/containerd/containerd.sock"


def daemon_set(name: str, spec: dict) -> dict:
    labels = {"app": name}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels},
                "spec": {"tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 1,
                         "priorityClassName": "system-node-critical", **spec}}}}


@dataclass(frozen=True)
class Counts:
    """memory.events. A group kill passes its first victim twice, and counts it so: `kills` is of passes."""

    kills: int
    groups: int

    def __sub__(self, other: Counts) -> Counts:
        return Counts(self.kills - other.kills, self.groups - other.groups)


class NodeTools:
    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl
        self._pods: dict[str, str] = {}

    def install(self) -> None:
        self._kubectl.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
            daemon_set("tools", {
                "hostPID": True, "hostNetwork": True,
                "containers": [{"name": "tools", "image": WORKLOAD, "imagePullPolicy": "Never",
                                "command": ["/bin/busybox", "tail", "-f", "/dev/null"],
                                "securityContext": {"privileged": True}}]}))

    def ready(self) -> None:
        self._pods = {node.name: until(f"tools on {node.name}", lambda: running_pod(
            self._kubectl, NAMESPACE, "app=tools", node), 180) for node in plan.NODES}

    def sh(self, node: plan.Node, script: str, timeout_s: float = 60) -> str:
        """The script's output; it runs as the node's root, in its own namespaces."""
        return self._kubectl("exec", "-n", NAMESPACE, self._pods[node.name], "--", "/bin/busybox", "nsenter",
                             "-t", "1", "-m", "-u", "-i", "-n", "-p", "--", "/bin/sh", "-c", script,
                             timeout_s=timeout_s)

    def in_background(self, node: plan.Node, name: str, script: str) -> None:
        """Outlives this pod's own container, the kubelet and the runtime: systemd runs it."""
        try:
            self.sh(node, f"systemd-run --quiet --collect --unit=e2e-{name} /bin/sh -c {quoted(script)}")
        except CommandFailed as error:
            # What it began may have stopped the kubelet or the runtime, by which we would have been told.
            if "error stream" not in str(error):
                raise

    def oom_kills(self, node: plan.Node) -> Counts:
        """The kernel's own count in all pods, those that are gone included."""
        text = self.sh(node, f"cat {kubepods(node)}/memory.events")
        events = dict(line.split() for line in text.splitlines())
        return Counts(int(events["oom_kill"]), int(events["oom_group_kill"]))


def kubepods(node: plan.Node) -> str:
    return f"/sys/fs/cgroup/{'kubepods.slice' if node.systemd_driver else 'kubepods'}"


def quoted(script: str) -> str:
    return "'" + script.replace("'", "'\\''") + "'"


def running_pod(kubectl: Kubectl, namespace: str, selector: str, node: plan.Node) -> str | None:
    """The name of that pod of the node, once it is ready and not about to end."""
    found = json.loads(kubectl("get", "pods", "-n", namespace, "-l", selector, "-o", "json",
                               f"--field-selector=spec.nodeName={node.name}"))["items"]
    for pod in found:
        conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", ())}
        if conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]:
            return pod["metadata"]["name"]
    return None
