"""The stream for the network: mutual TLS, a rotated certificate, and the example controller on it.

The bridge plugin of the nodes enforces no NetworkPolicy; who may read is decided by the certificate, and
that is what is tried here, from pods on the pod network.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import agent
import controller_image
import plan
from checks import expect
from pki import Authority, Pair
from processes import run, until
from stand import Stand
from workloads import NAMESPACE, Expect, container, on, pod_spec

_CONTROLLER = "controller"
_NAME = "oomtrail.oomtrail.svc"
_SERVER = "oomtrail-server"


def serve(stand: Stand, home: Path) -> None:
    """The chart's own way to TLS: an existing Secret."""
    pki = Authority(home / "stream", "stream")
    stranger = Authority(home / "stream", "stranger")
    pairs = {"controller": pki.sign("controller", "/CN=controller", "DNS:controller"),
             "not-listed": pki.sign("not-listed", "/CN=not-listed", "DNS:not-listed"),
             "stranger": stranger.sign("stranger-client", "/CN=controller", "DNS:controller")}
    with stand.checks("helm upgrade opens the stream to the network, with mutual TLS only"):
        _secret(stand, agent.NAMESPACE, _SERVER, pki, pki.sign("server-1", "/CN=server-1", f"DNS:{_NAME}"))
        stand.cluster.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _CONTROLLER}})
        for name, pair in pairs.items():
            _secret(stand, _CONTROLLER, name, pki, pair)
        stand.agent.sh(f"helm upgrade oomtrail {agent.CHART} -n {agent.NAMESPACE} --reuse-values "
                       f"--set grpc.tls.existingSecret={_SERVER} --set 'grpc.tls.allow={{controller}}'")
        stand.agent.wait_ready()
    _refusals(stand)
    _controller(stand)
    _rotation(stand, pki)


def _secret(stand: Stand, namespace: str, name: str, authority: Authority, pair: Pair) -> None:
    files = {"tls.crt": pair.cert, "tls.key": pair.key, "ca.crt": authority.pair.cert}
    stand.cluster.kubectl.apply({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": namespace},
        "data": {key: base64.b64encode(path.read_bytes()).decode() for key, path in files.items()}})


def _client(stand: Stand, name: str, secret: str, node: plan.Node) -> dict:
    """`oomtrail list` from a pod of the other node, by TCP."""
    ip = stand.cluster.kubectl.json("get", "pod", "-n", agent.NAMESPACE, stand.agent.pod(node))["status"]["podIP"]
    other = next(each for each in plan.NODES if each is not node)
    words = ["/oomtrail", "list", "--server", f"{ip}:9778", "--last", "1", "-o", "json"]
    mounts: dict = {}
    if secret:
        words += ["--tls-ca=/tls/ca.crt", "--tls-cert=/tls/tls.crt", "--tls-key=/tls/tls.key",
                  f"--tls-server-name={_NAME}"]
        mounts = {"volumes": [{"name": "tls", "secret": {"secretName": secret}}]}
    else:
        words += ["--insecure"]
    reader = {"name": "list", "image": stand.image, "imagePullPolicy": "Never", "command": words}
    if secret:
        reader["volumeMounts"] = [{"name": "tls", "mountPath": "/tls", "readOnly": True}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": _CONTROLLER},
            "spec": {"nodeSelector": {"kubernetes.io/hostname": other.name}, "restartPolicy": "Never",
                     "automountServiceAccountToken": False, "containers": [reader], **mounts}}


def _end(stand: Stand, name: str) -> tuple[int, str]:
    """The pod's exit code and what it printed, when it has ended."""
    def ended() -> tuple[int, str] | None:
        found = stand.cluster.kubectl.json("get", "pod", "-n", _CONTROLLER, name)
        state = found["status"]["containerStatuses"][0]["state"]
        return (state["terminated"]["exitCode"], stand.cluster.kubectl("logs", "-n", _CONTROLLER, name)) \
            if "terminated" in state else None
    return until(f"{name} ends", ended, 90)


def _refusals(stand: Stand) -> None:
    node = plan.NODES[0]
    cases = {"allowed": "controller", "without-tls": "", "not-listed": "not-listed", "stranger": "stranger"}
    stand.cluster.kubectl.apply(*(_client(stand, f"client-{name}", secret, node) for name, secret in cases.items()))
    for name in cases:
        with stand.checks(f"a pod on the pod network, {name}, {'reads' if name == 'allowed' else 'cannot read'} the stream"):
            code, said = _end(stand, f"client-{name}")
            if name == "allowed":
                expect(code == 0 and '"schema"' in said, f"exit code {code}: {said}")
            else:
                expect(code != 0 and '"schema"' not in said, f"exit code {code}: {said}")


def _objects() -> list[dict]:
    """The controller and the least that it needs of the API."""
    def role(namespace: str, rule: dict) -> list[dict]:
        meta = {"name": _CONTROLLER, "namespace": namespace}
        group = "rbac.authorization.k8s.io"
        return [{"apiVersion": f"{group}/v1", "kind": "Role", "metadata": meta, "rules": [rule]},
                {"apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": meta,
                 "roleRef": {"apiGroup": group, "kind": "Role", "name": _CONTROLLER},
                 "subjects": [{"kind": "ServiceAccount", "name": _CONTROLLER, "namespace": _CONTROLLER}]}]
    labels = {"app": _CONTROLLER}
    spec = {"serviceAccountName": _CONTROLLER, "terminationGracePeriodSeconds": 2, "containers": [{
        "name": "controller", "image": controller_image.IMAGE, "imagePullPolicy": "Never",
        "args": ["-service", "oomtrail/oomtrail", "-annotate", "-state", "/state", "-tls-ca", "/tls/ca.crt",
                 "-tls-cert", "/tls/tls.crt", "-tls-key", "/tls/tls.key"],
        "securityContext": {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False},
        "volumeMounts": [{"name": "state", "mountPath": "/state"},
                         {"name": "tls", "mountPath": "/tls", "readOnly": True}]}],
        "volumes": [{"name": "state", "emptyDir": {}}, {"name": "tls", "secret": {"secretName": _CONTROLLER}}]}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": _CONTROLLER, "namespace": _CONTROLLER}},
        *role("oomtrail", {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list"]}),
        *role(NAMESPACE, {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}),
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": _CONTROLLER, "namespace": _CONTROLLER},
         "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}}}]


def _log(stand: Stand, *more: str) -> str:
    return stand.cluster.kubectl("logs", "-n", _CONTROLLER, f"deployment/{_CONTROLLER}", *more)


def _deploy(stand: Stand, node: plan.Node, name: str) -> str:
    """A Deployment in another namespace that dies of its limit; its name."""
    full = on(node, name)
    labels = {"app": full}
    stand.cluster.kubectl.apply({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": full, "namespace": NAMESPACE},
        "spec": {"selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels}, "spec": pod_spec(node, container("main", "max"), restartPolicy="Always")}}})
    return full


def _noted(stand: Stand, name: str) -> str | None:
    found = stand.cluster.kubectl.json("get", "deployment", "-n", NAMESPACE, name)
    return found["metadata"].get("annotations", {}).get("oomtrail.example.com/last-oom-kill")


def _controller(stand: Stand) -> None:
    with stand.checks("the example controller, a Deployment with mTLS, is up to date with both nodes"):
        stand.cluster.kubectl.apply(*_objects())
        until("two streams", lambda: _log(stand).count("up to date") >= 2, 120)
    for node in plan.NODES:
        with stand.checks(f"{node.name}: it notes a kill on its Deployment in another namespace"):
            name = _deploy(stand, node, "noted")
            stand.wait_kill(node, Expect("main", namespace=NAMESPACE), name)
            note = until("the note", lambda: _noted(stand, name), 60)
            expect("container=main" in note, note)
    with stand.checks("restarted, it goes on where it was: nothing twice, and what came meanwhile"):
        _restart(stand)


def _restart(stand: Stand) -> None:
    node = plan.NODES[0]
    pods = stand.cluster.kubectl.json("get", "pods", "-n", _CONTROLLER, "-l", f"app={_CONTROLLER}")["items"]
    on_node = next(each for each in plan.NODES if each.name == pods[0]["spec"]["nodeName"])
    before = [line for line in _log(stand).splitlines() if " id=" in line and "named:" not in line]
    expect(before, "it had printed no kill")
    stand.tools.sh(on_node, "for p in /proc/[0-9]*; do [ \"$(cat $p/comm 2>/dev/null)\" = subscriber ] && "
                            "kill -KILL ${p#/proc/}; done; true")
    name = _deploy(stand, node, "meanwhile")
    event = stand.wait_kill(node, Expect("main"), name)
    until("it is back, with what came", lambda: event["id"] in _log(stand), 120)
    ids = [word for line in _log(stand).splitlines() if "named:" not in line
           for word in line.split() if word.startswith("id=")]
    again = {line.split(" id=")[1].split()[0] for line in before} & {each.removeprefix("id=") for each in ids}
    expect(not again, f"handled twice: {again}")


def _rotation(stand: Stand, pki: Authority) -> None:
    with stand.checks("a certificate rotated through its Secret is served, by the same agents"):
        pods = {node.name: stand.agent.pod(node) for node in plan.NODES}
        before = _restarts(stand)
        _secret(stand, agent.NAMESPACE, _SERVER, pki, pki.sign("server-2", "/CN=server-2", f"DNS:{_NAME}"))
        for node in plan.NODES:
            until(f"{node.name} serves it", lambda: _served(stand, pods[node.name]) == "server-2", 150, every_s=2)
        expect(_restarts(stand) == before, "an agent was restarted")


def _served(stand: Stand, pod_name: str) -> str:
    assert stand.cluster.network is not None
    ip = stand.cluster.kubectl.json("get", "pod", "-n", agent.NAMESPACE, pod_name)["status"]["podIP"]
    # We show it no certificate, so this fails: but it has shown us its own first.
    said = run(stand.cluster.network.inside(
        "sh", "-c", f"openssl s_client -connect {ip}:9778 -servername {_NAME} </dev/null 2>&1 || true"), timeout_s=20)
    return next((line.rpartition("CN = ")[2].strip() for line in said.splitlines() if "subject=" in line), "")


def _restarts(stand: Stand) -> str:
    return json.dumps([[each["metadata"]["name"], each["status"]["containerStatuses"][0]["restartCount"]]
                       for each in stand.cluster.kubectl.json(
                           "get", "pods", "-n", agent.NAMESPACE, "-l", "app.kubernetes.io/name=oomtrail")["items"]])
