"""What dies in the cluster, and what its event must say: a row a workload, tried on each node.

A row knows nothing of hooks or methods. A name that is asked for here is compared with the API server's
as well (api_names.py), and each kill with the kernel's own counters (e2e.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import plan
from workload_images import WORKLOAD

# A pod's own limit is the sum of its containers'. With one container both are the same number, and what
# holds the sandbox open counts in the pod's: so that is the one which is hit.
SOLE = "pod"

NAMESPACE = "e2e"
TWIN = "e2e-twin"


@dataclass(frozen=True)
class Expect:
    """One process that dies. What is None is not asked."""

    container: str
    scope: str = "container"
    comm: str = "eat"
    qos: str | None = None
    workload: str | None = None  # Kind/name
    namespace: str = NAMESPACE
    # The pod is gone when it is looked for: names are those that the API server last had.
    pod_prefix: str = ""


@dataclass(frozen=True)
class Workload:
    name: str
    objects: Callable[[plan.Node], list[dict]]
    # What dies at least once: by whether the node's containers are group-killed.
    kills: Callable[[plan.Node], list[Expect]]
    # Whether the pod still runs afterwards, its containers never restarted.
    survives: Callable[[plan.Node], bool] = lambda node: False


def on(node: plan.Node, name: str) -> str:
    return f"{name}-{node.name[-1]}"


def container(name: str, *command: str, limit: str = "32Mi", request: str = "16Mi", **more: object) -> dict:
    resources: dict = {"requests": {"memory": request}, "limits": {"memory": limit}} if limit else {}
    return {"name": name, "image": WORKLOAD, "imagePullPolicy": "Never", "command": ["/bin/eat", *command],
            "resources": resources, **more}


def pod_spec(node: plan.Node, *containers: dict, **more: object) -> dict:
    return {"nodeSelector": {"kubernetes.io/hostname": node.name}, "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False, "enableServiceLinks": False, "restartPolicy": "Never",
            "containers": list(containers), **more}


def pod(node: plan.Node, name: str, *containers: dict, namespace: str = NAMESPACE, **more: object) -> dict:
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": on(node, name), "namespace": namespace, "labels": {"case": name}},
            "spec": pod_spec(node, *containers, **more)}


def _deployment(node: plan.Node) -> list[dict]:
    labels = {"app": on(node, "cart")}
    return [{"apiVersion": "apps/v1", "kind": "Deployment",
             "metadata": {"name": on(node, "cart"), "namespace": NAMESPACE},
             "spec": {"selector": {"matchLabels": labels}, "template": {
                 "metadata": {"labels": labels},
                 "spec": pod_spec(node, container("api", "max"), container("log", "hold", "1"),
                                  restartPolicy="Always")}}}]


def _job(node: plan.Node) -> list[dict]:
    return [{"apiVersion": "batch/v1", "kind": "Job",
             "metadata": {"name": on(node, "report"), "namespace": NAMESPACE},
             "spec": {"backoffLimit": 0, "template": {
                 "spec": pod_spec(node, container("once", "max", limit="24Mi"))}}}]


def _sleeper(name: str = "main") -> dict:
    return container(name, "hold", "1", limit="16Mi")


def _grouped(node: plan.Node, first: str, other: str, name: str, **more: str) -> list[Expect]:
    """`other` dies in `name`; where containers are killed as a group, `first` with it."""
    victims = [Expect(name, SOLE, comm=other, **more)]
    if not node.single_process_oom_kill:
        victims.append(Expect(name, SOLE, comm=first, **more))
    return victims


_TMPFS = {"volumes": [{"name": "scratch", "emptyDir": {"medium": "Memory"}}]}
_SCRATCH = {"volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]}

WORKLOADS = (
    Workload("deployment over its limit", _deployment,
             lambda n: [Expect("api", workload=f"Deployment/{on(n, 'cart')}", qos="burstable")]),
    Workload("a child dies; PID 1 lives on, or goes with it",
             lambda n: [pod(n, "child", container("main", "child"))],
             lambda n: _grouped(n, "eat", "eat-child", "main"),
             survives=lambda n: n.single_process_oom_kill),
    Workload("init container",
             lambda n: [pod(n, "init", _sleeper(), initContainers=[container("migrate", "max")])],
             lambda n: [Expect("migrate", SOLE)]),
    Workload("sidecar",
             lambda n: [pod(n, "sidecar", _sleeper(),
                            initContainers=[container("proxy", "max", restartPolicy="Always")])],
             lambda n: [Expect("proxy")]),
    Workload("job that dies at once, never restarted", _job,
             lambda n: [Expect("once", SOLE, workload=f"Job/{on(n, 'report')}")]),
    Workload("guaranteed",
             lambda n: [pod(n, "guaranteed", container(
                 "main", "max", resources={"limits": {"memory": "32Mi", "cpu": "50m"}}))],
             lambda n: [Expect("main", SOLE, qos="guaranteed")]),
    Workload("memory in a tmpfs volume",
             lambda n: [pod(n, "tmpfs", container("writer", "file", "/scratch/x", **_SCRATCH), **_TMPFS)],
             lambda n: [Expect("writer", SOLE)]),
    Workload("two of one name in two namespaces, the first",
             lambda n: [pod(n, "twin", container("main", "max"))], lambda n: [Expect("main", SOLE)]),
    Workload("two of one name in two namespaces, the second",
             lambda n: [pod(n, "twin", container("main", "max"), namespace=TWIN)],
             lambda n: [Expect("main", SOLE, namespace=TWIN)]),
)
