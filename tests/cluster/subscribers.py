"""A gRPC subscriber on each node, in a pod: `oomtrail watch --reconnect`, on the agent's socket.

It lives through restarts of the agent. What it printed, and when, is in its pod's log, which the node's
own clock stamps: so the time from the kernel to an in-cluster subscriber can be read from it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

import node_tools
import plan
from control_plane import Kubectl
from processes import until


@dataclass(frozen=True)
class Seen:
    """An event as the subscriber got it."""

    at: str  # RFC 3339 with nanoseconds, the node's clock
    event: dict

    @property
    def seconds_after_kernel(self) -> float:
        return _seconds(self.at) - _seconds(self.event["time"])


class Subscribers:
    def __init__(self, kubectl: Kubectl, image: str) -> None:
        self._kubectl = kubectl
        self._image = image
        self._pods: dict[str, str] = {}

    def install(self) -> None:
        self._kubectl.apply(node_tools.daemon_set("subscriber", {
            "containers": [{"name": "watch", "image": self._image, "imagePullPolicy": "Never",
                            "command": ["/oomtrail", "watch", "--reconnect", "-o", "json"],
                            "volumeMounts": [{"name": "socket", "mountPath": "/run/oomtrail", "readOnly": True}]}],
            "volumes": [{"name": "socket", "hostPath": {"path": "/run/oomtrail", "type": "DirectoryOrCreate"}}]}))

    def ready(self) -> None:
        self._pods = {node.name: until(f"subscriber on {node.name}", lambda: node_tools.running_pod(
            self._kubectl, node_tools.NAMESPACE, "app=subscriber", node), 180) for node in plan.NODES}

    def seen(self, node: plan.Node) -> list[Seen]:
        """All that came, in order, amendments included."""
        found = []
        for line in self._kubectl("logs", "-n", node_tools.NAMESPACE, "--timestamps",
                                  self._pods[node.name]).splitlines():
            at, _, text = line.partition(" ")
            if text.startswith('{"schema"'):
                found.append(Seen(at, json.loads(text)))
        return found

    def kills(self, node: plan.Node) -> dict[str, dict]:
        """The kills by id, each in its latest revision."""
        latest: dict[str, dict] = {}
        for seen in self.seen(node):
            event = seen.event
            known = latest.get(event["id"])
            if event["kind"] == "oom_kill" and (known is None or known["revision"] < event["revision"]):
                latest[event["id"]] = event
        return latest


def _seconds(text: str) -> float:
    whole, _, rest = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(whole + "+00:00").timestamp() + float(f"0.{rest or 0}")
