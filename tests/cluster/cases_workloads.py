"""Kills of every kind of container, on each node at once: see workloads.py for the rows."""

from __future__ import annotations

import json

import plan
from checks import expect
from node_tools import kubepods
from processes import until
from stand import Stand
from workloads import (NAMESPACE, SOLE, TWIN, WORKLOADS, Expect, Workload, container, on, pod)

_TRIGGERS = "/run/e2e"
_TRIGGER = {"volumeMounts": [{"name": "trigger", "mountPath": "/trigger", "readOnly": True}]}
_TRIGGER_VOLUME = {"volumes": [{"name": "trigger", "hostPath": {"path": _TRIGGERS, "type": "DirectoryOrCreate"}}]}


def prepare(stand: Stand) -> None:
    stand.cluster.kubectl.apply(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
                                  for name in (NAMESPACE, TWIN)))


def rows(stand: Stand) -> None:
    stand.cluster.kubectl.apply(*(each for node in plan.NODES for row in WORKLOADS for each in row.objects(node)))
    for row in WORKLOADS:
        for node in plan.NODES:
            with stand.checks(f"{node.name}: {row.name}"):
                _row(stand, node, row)


def _row(stand: Stand, node: plan.Node, row: Workload) -> None:
    made = row.objects(node)[-1]["metadata"]
    events = []
    for wanted in row.kills(node):
        event = stand.wait_kill(node, wanted, made["name"])
        stand.verify(node, wanted, event)
        events.append(event)
    if len(events) > 1:
        expect(len({event["incident_id"] for event in events}) == 1, f"one OOM, several incidents: {events}")
        expect(all(event["oom"]["group_kill"] for event in events), f"not said to be a group kill: {events}")
    if row.survives(node):
        status = stand.cluster.kubectl.json("get", "pod", "-n", made["namespace"], made["name"])["status"]
        first = status["containerStatuses"][0]
        expect("running" in first["state"] and first["restartCount"] == 0, f"it should have lived on: {first}")


def ephemeral_container(stand: Stand) -> None:
    """It has no limit of its own (the API allows none): the pod's is hit."""
    stand.cluster.kubectl.apply(*(pod(node, "debugged", container("main", "hold", "1", limit="32Mi"))
                                  for node in plan.NODES))
    for node in plan.NODES:
        with stand.checks(f"{node.name}: ephemeral container, in the pod's limit"):
            name = on(node, "debugged")
            until(f"{name} runs", lambda: _running(stand, name), 180)
            debugger = container("debugger", "max", limit="")
            del debugger["resources"]
            stand.cluster.kubectl("patch", "pod", "-n", NAMESPACE, name, "--subresource=ephemeralcontainers",
                                  "--type=strategic", "-p", json.dumps({"spec": {"ephemeralContainers": [debugger]}}))
            _kill(stand, node, Expect("debugger", "pod"), name)


def static_pod(stand: Stand) -> None:
    path = "/etc/kubernetes/manifests/static.json"
    for node in plan.NODES:
        manifest = pod(node, "static", container("main", "max"))
        manifest["metadata"]["name"] = "static"
        del manifest["spec"]["nodeSelector"]
        stand.tools.sh(node, f"cat >/run/static.json <<'END'\n{json.dumps(manifest)}\nEND\nmv /run/static.json {path}")
    for node in plan.NODES:
        with stand.checks(f"{node.name}: static pod"):
            _kill(stand, node, Expect("main", SOLE), f"static-{node.name}")
            stand.tools.sh(node, f"rm {path}")


def pod_limit(stand: Stand) -> None:
    """Limits of the pod as such: kubelets before 1.34 know none."""
    node = plan.NODES[0]
    with stand.checks(f"{node.name}: a pod's own limit"):
        name = on(node, "podlimit")
        limited = pod(node, "podlimit", container("main", "max", limit=""), container("other", "hold", "1", limit=""))
        limited["spec"]["resources"] = {"limits": {"memory": "32Mi"}}
        stand.cluster.kubectl.apply(limited)
        _kill(stand, node, Expect("main", "pod"), name)


def deleted_at_the_kill(stand: Stand) -> None:
    """It lives on while it is being deleted (PID 1 ignores SIGTERM); with the kill all of it is gone."""
    _arm(stand, "deleted")
    for node in plan.NODES:
        with stand.checks(f"{node.name}: pod deleted at the kill"):
            name = _armed(stand, node, "deleted")
            stand.cluster.kubectl("delete", "pod", "-n", NAMESPACE, name, "--wait=false", "--grace-period=120")
            stand.tools.sh(node, f"touch {_TRIGGERS}/{name}")
            _kill(stand, node, Expect("main", SOLE), name)


def without(stand: Stand, unit: str) -> None:
    """A kill while the kubelet, or the runtime, is down; and one after it came back."""
    _arm(stand, f"no-{unit}")
    for node in plan.NODES:
        with stand.checks(f"{node.name}: killed while {unit} is down"):
            name = _armed(stand, node, f"no-{unit}")
            counter = f"sed -n 's/^oom_kill //p' {kubepods(node)}/memory.events"
            stand.tools.in_background(node, unit, f"""
systemctl stop {unit}
before=$({counter})
touch {_TRIGGERS}/{name}
until [ "$({counter})" -gt "$before" ]; do sleep 0.1; done
systemctl start {unit}
""")
            _kill(stand, node, Expect("main", SOLE), name)
    stand.cluster.kubectl.apply(*(pod(node, f"after-{unit}", container("main", "max")) for node in plan.NODES))
    for node in plan.NODES:
        with stand.checks(f"{node.name}: killed after {unit} came back"):
            _kill(stand, node, Expect("main", SOLE), on(node, f"after-{unit}"))


def whole_node(stand: Stand) -> None:
    """Where pods are bounded, all of them together are over; else the node itself is."""
    for node in plan.NODES:
        scope = "ancestor" if node.reserved_mib else "node"
        with stand.checks(f"{node.name}: besteffort, no limit but the node's (scope={scope}); the agent lives on"):
            before = _restarts(stand, node)
            stand.cluster.kubectl.apply(pod(node, "greedy", container("main", "max", limit="")))
            _kill(stand, node, Expect("main", scope=scope, qos="besteffort"), on(node, "greedy"))
            expect(_restarts(stand, node) == before, "the agent was restarted")


def _restarts(stand: Stand, node: plan.Node) -> tuple[str, int]:
    pod_name = stand.agent.pod(node)
    found = stand.cluster.kubectl.json("get", "pod", "-n", "oomtrail", pod_name)
    return pod_name, found["status"]["containerStatuses"][0]["restartCount"]


def _arm(stand: Stand, name: str) -> None:
    """On each node a pod that is killed when its trigger is there, which has the pod's name."""
    stand.cluster.kubectl.apply(*(
        pod(node, name, container("main", "after", f"/trigger/{on(node, name)}", **_TRIGGER), **_TRIGGER_VOLUME)
        for node in plan.NODES))


def _armed(stand: Stand, node: plan.Node, name: str) -> str:
    """The pod's name, once it runs."""
    full = on(node, name)
    until(f"{full} runs", lambda: _running(stand, full), 180)
    return full


def _running(stand: Stand, name: str) -> bool:
    found = stand.cluster.kubectl.json("get", "pod", "-n", NAMESPACE, name)
    return all("running" in each.get("state", {}) for each in found["status"].get("containerStatuses", [{}]))


def _kill(stand: Stand, node: plan.Node, wanted: Expect, pod_name: str) -> dict:
    event = stand.wait_kill(node, wanted, pod_name)
    stand.verify(node, wanted, event)
    return event
