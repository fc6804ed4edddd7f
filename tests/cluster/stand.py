"""What every group of cases works with: the cluster, oomtrail in it, and the three that watch it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import plan
from agent import Agent
from api_names import ApiNames
from checks import Checks, expect
from cluster import Cluster
from node_tools import NodeTools
from processes import ClusterError, until
from subscribers import Subscribers
from workloads import Expect

KILL_S = 240


@dataclass
class Stand:
    cluster: Cluster
    checks: Checks
    agent: Agent
    tools: NodeTools
    subscribers: Subscribers
    api: ApiNames
    image: str
    figures: dict[str, str] = field(default_factory=dict)
    _cached: dict[str, tuple[float, dict[str, dict]]] = field(default_factory=dict)

    def kills(self, node: plan.Node, *, not_before: float = 0.0) -> dict[str, dict]:
        """What the node's subscriber has, by id; asked for at most once a second."""
        at, kills = self._cached.get(node.name, (0.0, {}))
        if time.monotonic() - at > 1 or at < not_before:
            at, kills = time.monotonic(), self.subscribers.kills(node)
            self._cached[node.name] = (at, kills)
        return kills

    def matching(self, node: plan.Node, wanted: Expect, pod_prefix: str) -> list[dict]:
        return [event for event in self.kills(node).values()
                if event.get("pod", {}).get("namespace") == wanted.namespace
                and event["pod"].get("name", "").startswith(pod_prefix)
                and event.get("container", {}).get("name") == wanted.container
                and event["victim"]["comm"] == wanted.comm]

    def wait_kill(self, node: plan.Node, wanted: Expect, pod_prefix: str, timeout_s: float = KILL_S) -> dict:
        """The subscriber's event for it, with all its names."""
        try:
            return until("its event", lambda: next(iter(self.matching(node, wanted, pod_prefix)), None), timeout_s)
        except ClusterError as error:
            seen = sorted({f"{each.get('pod', {}).get('namespace')}/{each.get('pod', {}).get('name')} "
                           f"{each.get('container', {}).get('name')} {each['victim']['comm']}"
                           for each in self.kills(node).values()})
            raise ClusterError(f"{error}: no kill of {wanted.namespace}/{pod_prefix}* {wanted.container} "
                               f"{wanted.comm}; the subscriber saw: {'; '.join(seen) or 'nothing'}") from None

    def verify(self, node: plan.Node, wanted: Expect, event: dict) -> None:
        """Subscriber, log and API server say the same of this kill, and it is what the row asks for."""
        until("the API server's names", lambda: self._api_agrees(event), 90)
        expect(event["scope"] == wanted.scope, f"scope {event['scope']}, not {wanted.scope}: {event}")
        expect(event["attribution"]["status"] == "full", f"attribution: {event['attribution']}")
        if wanted.qos is not None:
            expect(event["pod"]["qos"] == wanted.qos, f"qos {event['pod']['qos']}, not {wanted.qos}")
        if wanted.workload is not None:
            said = event["pod"].get("workload", {})
            expect(f"{said.get('kind')}/{said.get('name')}" == wanted.workload, f"workload {said}, not {wanted.workload}")
        victim = event["victim"]
        line = f"{event['pod']['namespace']}/{event['pod']['name']} {event['container']['name']} {victim['comm']}[{victim['pid']}]"
        found = [each for each in self.agent.log(node).splitlines() if line in each and "OOM-KILL" in each]
        expect(found, f"no line of the agent's log has: OOM-KILL {line}")
        expect(f"scope={wanted.scope}" in found[-1], f"the log says otherwise: {found[-1]}")

    def _api_agrees(self, event: dict) -> bool:
        self.api.refresh()
        if wrong := self.api.differences(event):
            raise ValueError("; ".join(wrong))
        return True
