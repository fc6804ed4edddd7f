"""etcd, API server, controller manager and scheduler: processes of this host in the cluster's network."""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path

import plan
import tools
from network import Network
from pki import Authority, Pair, key_pair
from processes import Processes, run, until

_SERVER = f"https://{plan.BRIDGE}:443"


class Kubectl:
    """kubectl as the cluster's administrator, in the cluster's network."""

    def __init__(self, network: Network, program: Path, kubeconfig: Path) -> None:
        self._network = network
        self._program = program
        self.kubeconfig = kubeconfig

    def argv(self, *words: str) -> list[str]:
        return self._network.inside(self._program, "--kubeconfig", self.kubeconfig, *words)

    def __call__(self, *words: str, stdin: str | None = None, timeout_s: float = 60) -> str:
        return run(self.argv(*words), stdin=stdin, timeout_s=timeout_s)

    def json(self, *words: str) -> dict:
        return json.loads(self(*words, "-o", "json"))

    def apply(self, *objects: dict) -> None:
        self("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


class ControlPlane:
    def __init__(self, home: Path, network: Network, processes: Processes) -> None:
        self._home = home
        self._network = network
        self._processes = processes
        pki = home / "pki"
        self.authority = Authority(pki)
        self._service_accounts = key_pair(pki, "service-accounts")
        self._tokens = {name: secrets.token_hex(16)
                        for name in ("admin", *(f"system:node:{node.name}" for node in plan.NODES))}
        self.kubectl = Kubectl(network, tools.kubernetes("kubectl"), self.kubeconfig("admin"))

    def kubeconfig(self, user: str) -> Path:
        path = self._home / f"{user.rpartition(':')[2]}.kubeconfig"
        path.write_text(self.kubeconfig_text(user))
        path.chmod(0o600)
        return path

    def kubeconfig_text(self, user: str, ca_file: str = "") -> str:
        return json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {
                "server": _SERVER, "certificate-authority": ca_file or str(self.authority.pair.cert)}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            "users": [{"name": user, "user": {"token": self._tokens[user]}}]})

    def start(self) -> None:
        """Returns when the API server is ready; the others find it by themselves."""
        data = self._home / "etcd"
        self._start("etcd", _program("etcd"), "--data-dir", data, "--unsafe-no-fsync", "--log-level=error",
                    "--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
                    "--listen-peer-urls=http://127.0.0.1:2380")
        self._start_api_server()
        until("API server", lambda: self._checked(self.kubectl("get", "--raw", "/readyz")) == "ok", 90)
        admin = f"--kubeconfig={self.kubectl.kubeconfig}"
        self._start("controller-manager", tools.kubernetes("kube-controller-manager"), admin,
                    "--bind-address=127.0.0.1", "--leader-elect=false", "--use-service-account-credentials",
                    f"--service-account-private-key-file={self._service_accounts.key}",
                    f"--root-ca-file={self.authority.pair.cert}",
                    f"--authentication-kubeconfig={self.kubectl.kubeconfig}",
                    f"--authorization-kubeconfig={self.kubectl.kubeconfig}")
        self._start("scheduler", tools.kubernetes("kube-scheduler"), admin, "--bind-address=127.0.0.1",
                    "--leader-elect=false",
                    f"--authentication-kubeconfig={self.kubectl.kubeconfig}",
                    f"--authorization-kubeconfig={self.kubectl.kubeconfig}")

    def kubelet_pair(self, node: plan.Node) -> Pair:
        return self.authority.sign(f"kubelet-{node.name}", f"/CN={node.name}",
                                   f"DNS:{node.name}", f"IP:{node.address}")

    def _start_api_server(self) -> None:
        serving = self.authority.sign("api-server", "/CN=kube-apiserver", f"IP:{plan.BRIDGE}",
                                      f"IP:{plan.API_SERVICE}", "IP:127.0.0.1", "DNS:kubernetes.default.svc")
        to_kubelets = self.authority.sign("api-server-to-kubelets", "/O=system:masters/CN=kube-apiserver")
        groups = {"admin": "system:masters"}
        tokens = self._home / "tokens.csv"
        tokens.write_text("".join(f"{token},{user},{user},{groups.get(user, 'system:nodes')}\n"
                                  for user, token in self._tokens.items()))
        tokens.chmod(0o600)
        self._start(
            "api-server", tools.kubernetes("kube-apiserver"), "--etcd-servers=http://127.0.0.1:2379",
            "--secure-port=443", f"--advertise-address={plan.BRIDGE}",
            f"--service-cluster-ip-range={plan.SERVICES}", "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction", f"--token-auth-file={tokens}", "--allow-privileged",
            f"--tls-cert-file={serving.cert}", f"--tls-private-key-file={serving.key}",
            f"--client-ca-file={self.authority.pair.cert}",
            f"--kubelet-certificate-authority={self.authority.pair.cert}",
            f"--kubelet-client-certificate={to_kubelets.cert}", f"--kubelet-client-key={to_kubelets.key}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._service_accounts.cert}",
            f"--service-account-signing-key-file={self._service_accounts.key}")

    def _start(self, name: str, program: Path, *words: str | Path) -> None:
        self._processes.start(name, self._network.inside(program, *words))

    def _checked(self, answer: str) -> str:
        self._processes.check()
        return answer.strip()


def _program(name: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise tools.CannotRun(f"{name} is not here")
    return Path(found)


