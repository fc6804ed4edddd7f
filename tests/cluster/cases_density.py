"""What the agent costs on a full node, and whether a kill among many pods has the right name."""

from __future__ import annotations

import os
import time

import plan
from checks import expect
from processes import until
from stand import Stand
from workload_images import PAUSE
from workloads import NAMESPACE, SOLE, Expect, container, on, pod, pod_spec

# Under emulation each pod takes some seconds of the node's only CPU: fewer of them by OOMTRAIL_E2E_PODS=20.
PODS = int(os.environ.get("OOMTRAIL_E2E_PODS", "100"))
_AT_ONCE = 5


def many_pods(stand: Stand) -> None:
    """On the node whose runtime starts them fastest, once those that are restarted again and again are gone."""
    if not PODS:
        return
    node = plan.NODES[1]
    stand.cluster.kubectl("delete", "deployments", "-n", NAMESPACE, "--all", "--wait=true")
    stand.cluster.kubectl("delete", "pods", "-n", NAMESPACE, "--all", "--wait=false")
    labels = {"app": "crowd"}
    quiet = {"name": "pause", "image": PAUSE, "imagePullPolicy": "Never"}
    with stand.checks(f"{node.name}: {PODS} pods on the node"):
        stand.cluster.kubectl.apply({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "crowd", "namespace": NAMESPACE},
            "spec": {"replicas": 0, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels}, "spec": pod_spec(node, quiet, restartPolicy="Always")}}})
        # All at once, each would wait so long for its turn that the kubelet gives it up and asks again.
        for some in range(_AT_ONCE, PODS + _AT_ONCE, _AT_ONCE):
            _run(stand, min(some, PODS))
    with stand.checks(f"{node.name}: a kill among them is named as ever"):
        stand.cluster.kubectl.apply(pod(node, "crowded", container("main", "max")))
        event = stand.wait_kill(node, Expect("main", SOLE), on(node, "crowded"))
        stand.verify(node, Expect("main", SOLE), event)
    with stand.checks(f"{node.name}: what the agent costs there"):
        before, began = _cpu(stand, node), time.monotonic()
        # An idle agent still asks for names and is scraped: that is what is measured, over a while.
        until("a while", lambda: time.monotonic() - began > 20, 60, every_s=1)
        cpu = (_cpu(stand, node) - before) / (time.monotonic() - began)
        rss = _sample(stand, node, "process_resident_memory_bytes") / (1 << 20)
        known = _sample(stand, node, "oomtrail_containers")
        expect(known >= PODS, f"it knows {known:.0f} containers")
        stand.figures[f"{node.name} agent with {PODS} more pods"] = \
            f"RSS {rss:.1f} MiB, {cpu * 1000:.1f} ms of CPU a second (emulated CPU)"
    stand.cluster.kubectl("delete", "deployment", "-n", NAMESPACE, "crowd", "--wait=false")


def _run(stand: Stand, pods: int) -> None:
    stand.cluster.kubectl("scale", "deployment", "-n", NAMESPACE, "crowd", f"--replicas={pods}")
    until(f"{pods} of them run", lambda: _available(stand) == pods, 180)


def _available(stand: Stand) -> int:
    return stand.cluster.kubectl.json("get", "deployment", "-n", NAMESPACE, "crowd")["status"].get("availableReplicas", 0)


def _cpu(stand: Stand, node: plan.Node) -> float:
    return _sample(stand, node, "process_cpu_seconds_total")


def _sample(stand: Stand, node: plan.Node, name: str) -> float:
    return next(each.value for each in stand.agent.metrics(node) if each.name == name)
