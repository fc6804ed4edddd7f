"""Agents are replaced while kills go on: the pinned rings keep what happens between two of them."""

from __future__ import annotations

import json

import agent
import plan
from checks import expect
from node_tools import kubepods
from processes import until
from stand import Stand
from workloads import NAMESPACE, container, on, pod

_TRIGGERS = "/run/e2e"


def rolling(stand: Stand) -> None:
    names = {node.name: on(node, "storm") for node in plan.NODES}
    with stand.checks("a storm of kills on both nodes, one after the other"):
        stand.cluster.kubectl.apply(*(_storm(node, names[node.name]) for node in plan.NODES))
        for node in plan.NODES:
            _start_storm(stand, node, names[node.name])
        for node in plan.NODES:
            until(f"{node.name}: kills", lambda: len(_of(stand, node, names[node.name])) >= 3, 60)
    before = {node.name: stand.agent.pod(node) for node in plan.NODES}
    during = {node.name: _kernel_count(stand, node, names[node.name]) for node in plan.NODES}
    with stand.checks("helm upgrade replaces every agent"):
        stand.agent.sh(f"helm upgrade oomtrail {agent.CHART} -n {agent.NAMESPACE} --reuse-values "
                       "--set podAnnotations.e2e=upgraded")
        stand.agent.wait_ready()
        for node in plan.NODES:
            expect(stand.agent.pod(node) != before[node.name], f"{node.name} has the agent that it had")
    for node in plan.NODES:
        with stand.checks(f"{node.name}: no kill was lost by the upgrade"):
            name = names[node.name]
            stand.tools.sh(node, f"touch {_TRIGGERS}/{name}.stop")
            said = until("the storm's end", lambda: _said(stand, name), 60)
            counted = _kernel_count(stand, node, name)
            expect(counted == said, f"the storm saw {said} of its children die, the kernel counted {counted}")
            until("all of them", lambda: _all_seen(stand, node, name, counted), 60)
            lost = stand.agent.lost(node)
            expect(not lost, f"lost: {lost}")
            stand.figures[f"{node.name} kills during the upgrade"] = f"{counted - during[node.name]}, all seen"


def rollback(stand: Stand) -> None:
    with stand.checks("helm rollback brings the first release back"):
        stand.agent.sh(f"helm rollback oomtrail 1 -n {agent.NAMESPACE} --wait --timeout 4m")
        stand.agent.wait_ready()
        template = stand.cluster.kubectl.json("get", "daemonset", "-n", agent.NAMESPACE, "oomtrail")["spec"]["template"]
        expect("e2e" not in template["metadata"].get("annotations", {}), "the upgrade's annotation is still there")


def _storm(node: plan.Node, name: str) -> dict:
    trigger = {"volumeMounts": [{"name": "trigger", "mountPath": "/trigger", "readOnly": True}]}
    return pod(node, "storm", container("main", "storm", f"/trigger/{name}", f"/trigger/{name}.stop", **trigger),
               volumes=[{"name": "trigger", "hostPath": {"path": _TRIGGERS, "type": "DirectoryOrCreate"}}])


def _start_storm(stand: Stand, node: plan.Node, name: str) -> None:
    until(f"{name} runs", lambda: _cgroup(stand, node, name), 180)
    # Else the first child's death would take the storm itself, where containers are killed as a group.
    stand.tools.sh(node, f"echo 0 >{_cgroup(stand, node, name)}/memory.oom.group; touch {_TRIGGERS}/{name}")


def _cgroup(stand: Stand, node: plan.Node, name: str) -> str:
    """The container's cgroup on the node, once it runs."""
    found = stand.cluster.kubectl.json("get", "pod", "-n", NAMESPACE, name)
    status = found["status"]["containerStatuses"][0]
    if "running" not in status["state"]:
        raise ValueError(json.dumps(status["state"]))
    container_id = status["containerID"].rpartition("/")[2]
    return stand.tools.sh(node, f"find {kubepods(node)} -type d -name '*{container_id}*'").split()[0]


def _kernel_count(stand: Stand, node: plan.Node, name: str) -> int:
    return int(stand.tools.sh(node, f"sed -n 's/^oom_kill //p' {_cgroup(stand, node, name)}/memory.events"))


def _of(stand: Stand, node: plan.Node, name: str) -> set[str]:
    return {key for key, event in stand.kills(node).items() if event.get("pod", {}).get("name") == name}


def _all_seen(stand: Stand, node: plan.Node, name: str, counted: int) -> bool:
    subscriber = {key for key, event in stand.subscribers.kills(node).items() if event.get("pod", {}).get("name") == name}
    journal = {event["id"] for event in stand.agent.history(node) if event.get("pod", {}).get("name") == name
               and event["kind"] == "oom_kill"}
    if not len(subscriber) == len(journal) == counted:
        raise ValueError(f"kernel {counted}, subscriber {len(subscriber)}, journal of the new agent {len(journal)}")
    return True


def _said(stand: Stand, name: str) -> int:
    text = stand.cluster.kubectl("logs", "-n", NAMESPACE, name)
    return int(text.partition("killed ")[2].split()[0])
