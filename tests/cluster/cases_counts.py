"""Nothing is lost and nothing is invented: our events, our metrics, and the kernel's own counters agree."""

from __future__ import annotations

import collections

import agent
import plan
from checks import expect
from node_tools import Counts, kubepods
from processes import until
from stand import Stand


def baseline(stand: Stand) -> dict[str, Counts]:
    """The kernel's count on each node, before what is compared; the subscribers are there already."""
    return {node.name: stand.tools.oom_kills(node) for node in plan.NODES}


def agree(stand: Stand, before: dict[str, Counts]) -> None:
    for node in plan.NODES:
        top = kubepods(node).removeprefix("/sys/fs/cgroup")
        with stand.checks(f"{node.name}: as many kills in pods as the kernel counted, and none said to be lost"):
            # Both go on where a container is restarted again and again: they must meet.
            ours = until("kernel and subscriber agree", lambda: _same(stand, node, top, before[node.name]), 60)
            lost = stand.agent.lost(node)
            expect(not lost, f"lost: {lost}")
            theirs = sum(each.value for each in agent.cadvisor(stand.cluster, node))
            stand.figures[f"{node.name} processes killed in pods: oomtrail / kubelet's cAdvisor at the end"] = \
                f"{ours} / {theirs:.0f}"
        with stand.checks(f"{node.name}: metrics agree with the events, container by container"):
            until("they agree", lambda: _metrics_agree(stand, node), 90)


def _same(stand: Stand, node: plan.Node, top: str, before: Counts) -> int:
    counted = stand.tools.oom_kills(node) - before
    events = [event for event in stand.subscribers.kills(node).values()
              if event.get("cgroup", {}).get("path", "").startswith(top)]
    groups = {event["incident_id"] for event in events if event.get("oom", {}).get("group_kill")}
    # A group's first victim may be gone before the kernel comes to it again.
    if len(groups) != counted.groups or not counted.kills - counted.groups <= len(events) <= counted.kills:
        raise ValueError(f"the kernel counted {counted}, the subscriber got {len(events)} in {len(groups)} groups")
    return len(events)


def _metrics_agree(stand: Stand, node: plan.Node) -> bool:
    counted = stand.agent.counted(node)
    events: collections.Counter[tuple[str, str, str]] = collections.Counter()
    for event in stand.subscribers.kills(node).values():
        pod = event.get("pod", {})
        events[(pod.get("namespace", ""), pod.get("name", ""), event.get("container", {}).get("name", ""))] += 1
    if wrong := {key: (events[key], counted.get(key, 0)) for key in events if events[key] != counted.get(key, 0)}:
        raise ValueError(f"(events, metric): {wrong}")
    return True


def latency(stand: Stand) -> None:
    """From the kernel's time of a kill to the line of a subscriber in the cluster, as its log was stamped."""
    for node in plan.NODES:
        waits = sorted(each.seconds_after_kernel * 1e3 for each in stand.subscribers.seen(node)
                       if each.event["kind"] == "oom_kill" and each.event["revision"] == 0)
        # Of a node whose only CPU is emulated and busy starting pods: a figure, and no promise.
        with stand.checks(f"{node.name}: an in-cluster subscriber is told of a kill within seconds"):
            expect(waits and -50 < waits[len(waits) // 2] < 5000, f"ms: {waits}")
            stand.figures[f"{node.name} kernel to in-cluster subscriber (emulated CPU)"] = \
                f"median {waits[len(waits) // 2]:.1f} ms, worst {waits[-1]:.0f} ms of {len(waits)}"
