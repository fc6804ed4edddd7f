"""What the API server says of every pod that ever was in this run, to hold our events against."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from control_plane import Kubectl
from processes import Processes

_LISTS = (("containers", "containerStatuses"), ("initContainers", "initContainerStatuses"),
          ("ephemeralContainers", "ephemeralContainerStatuses"))


class ApiNames:
    """A watch of all pods, written to a file by kubectl; pods that are gone stay known."""

    def __init__(self, kubectl: Kubectl, processes: Processes, out: Path) -> None:
        self._kubectl = kubectl
        self._out = out
        out.write_text("")
        self._watch = processes.start("api-watch", kubectl.argv(
            "get", "pods", "-A", "--watch", "--output-watch-events", "-o", "json"), stdout=out)
        self._pods: dict[str, dict] = {}
        # What any status ever said. One of several quick restarts may be in none of them.
        self._restarts: dict[str, int] = {}  # by container id: restarts before it began
        self._ids: dict[tuple[str, str, int], str] = {}  # by pod's uid, container's name and restarts

    def refresh(self) -> None:
        text, decoder, at = self._out.read_text(), json.JSONDecoder(), 0
        while (at := _skip(text, at)) < len(text):
            try:
                event, at = decoder.raw_decode(text, at)
            except ValueError:
                return  # its end is yet to come
            self._take(event["object"])

    def _take(self, pod: dict) -> None:
        for key in (pod["metadata"]["uid"], pod["metadata"].get("annotations", {}).get("kubernetes.io/config.hash")):
            if key:
                self._pods[key] = pod
        for _, statuses in _LISTS:
            for status in pod.get("status", {}).get(statuses, ()):
                for container_id, restarts in _ids(status):
                    self._restarts[container_id] = restarts
                    self._ids[(pod["metadata"]["uid"], status["name"], restarts)] = container_id

    def differences(self, event: dict) -> list[str]:
        """Every name of the event that is not the API server's."""
        said, container = event.get("pod", {}), event.get("container", {})
        # A static pod's uid is its kubelet's own and not the API server's: the event has its hash instead.
        key = next((name for name in ("uid", "config_hash") if name in said), "uid")
        pod = self._pods.get(said.get(key, ""))
        if pod is None:
            return [f"pod.{key} {said.get(key)}: the API server has no such pod"]
        known = next(((kind, each) for kind, _ in _LISTS for each in pod["spec"].get(kind, ())
                      if each["name"] == container.get("name")), None)
        if known is None:
            return [f"container.name {container.get('name')!r}: {pod['metadata']['name']} has none of that name"]
        wanted = {
            "pod.namespace": (said.get("namespace"), pod["metadata"]["namespace"]),
            "pod.name": (said.get("name"), pod["metadata"]["name"]),
            "pod.qos": (said.get("qos"), pod["status"]["qosClass"].lower()),
            "node": (event.get("node"), pod["spec"].get("nodeName")),
            "container.image": (container.get("image"), known[1]["image"]),
        }
        wanted |= {name: pair for name, pair in _from_spec(said, container, pod, *known).items() if pair[0] is not None}
        if (owner := self._owner(pod)) is not None and "workload" in said:
            wanted["pod.workload"] = (f"{said['workload']['kind']}/{said['workload']['name']}", owner)
        if (container_id := container.get("id", "")) in self._restarts:
            if "restart_count" in container:
                wanted["container.restart_count"] = (container["restart_count"], self._restarts[container_id])
        elif other := self._ids.get((pod["metadata"]["uid"], known[1]["name"], container.get("restart_count", 0))):
            wanted["container.id"] = (container_id, other)
        return [f"{field}: {ours!r}, the API server says {theirs!r}"
                for field, (ours, theirs) in wanted.items() if ours != theirs]

    def _owner(self, pod: dict) -> str | None:
        """The workload: the ReplicaSet's Deployment, else the controller itself."""
        owner = next((each for each in pod["metadata"].get("ownerReferences", ()) if each.get("controller")), None)
        if owner is None or owner["kind"] == "Node":
            return None
        if owner["kind"] == "ReplicaSet":
            text = self._kubectl("get", "replicaset", "-n", pod["metadata"]["namespace"], owner["name"],
                                 "--ignore-not-found", "-o", "json")
            found = json.loads(text) if text.strip() else {}
            owner = next(iter(found.get("metadata", {}).get("ownerReferences", ())), owner)
        return f"{owner['kind']}/{owner['name']}"


def _from_spec(said: dict, container: dict, pod: dict, kind: str, spec: dict) -> dict[str, tuple[object, object]]:
    """What the event may say beyond names, and the manifest's own word for it."""
    kinds = {"containers": "app", "ephemeralContainers": "ephemeral",
             "initContainers": "sidecar" if spec.get("restartPolicy") == "Always" else "init"}
    memory = {part: spec.get("resources", {}).get(part, {}).get("memory") for part in ("limits", "requests")}
    labels = pod["metadata"].get("labels", {})
    return {
        "container.kind": (container.get("kind"), kinds[kind]),
        "container.memory_limit_bytes": (container.get("memory_limit_bytes"), _bytes(memory["limits"])),
        "container.memory_request_bytes": (container.get("memory_request_bytes"), _bytes(memory["requests"])),
        "pod.host_network": (said.get("host_network"), pod["spec"].get("hostNetwork", False)),
        "pod.labels": (said.get("labels"), {key: labels.get(key) for key in said.get("labels", {})}),
        "pod.config_hash": (said.get("config_hash"),
                            pod["metadata"].get("annotations", {}).get("kubernetes.io/config.hash")),
    }


def _bytes(quantity: str | None) -> int | None:
    return None if quantity is None else int(quantity.removesuffix("Mi")) << 20


def _ids(status: dict) -> Iterator[tuple[str, int]]:
    restarts = status.get("restartCount", 0)
    current = [status.get("containerID", ""),
               status.get("state", {}).get("terminated", {}).get("containerID", "")]
    before = status.get("lastState", {}).get("terminated", {}).get("containerID", "")
    if before and before not in current:
        yield before.rpartition("/")[2], restarts - 1
    for each in current:
        if each:
            # While it waits to be started again, the one that ended is still named, with its own count.
            yield each.rpartition("/")[2], restarts


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at
