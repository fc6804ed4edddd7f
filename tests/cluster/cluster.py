"""The whole test cluster, brought up and torn down. Use as a context manager, from the main thread."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import node_files
import node_vm
import plan
import roots
import tools
import workload_images
from control_plane import ControlPlane
from network import Network
from processes import ClusterError, Processes, until

_READY_S = 300
_HOME = "oomtrail-cluster-"


class Cluster:
    """`images` are OCI archives beside those of the workloads. Logs go to `logs` and stay there."""

    def __init__(self, logs: Path, images: tuple[Path, ...] = ()) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        for old in logs.glob("*.log"):
            old.unlink()
        self._images = images
        _remove_stale()
        self.home = Path(tempfile.mkdtemp(prefix=f"{_HOME}{os.getpid()}-"))
        self.processes = Processes(logs)
        self.network: Network | None = None
        self.ready_after_s = 0.0

    def __enter__(self) -> Cluster:
        started = time.monotonic()
        try:
            self._bring_up()
        except BaseException:
            self.tear_down()
            raise
        self.ready_after_s = time.monotonic() - started
        return self

    def __exit__(self, *_: object) -> None:
        self.tear_down()

    def tear_down(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a second ctrl-C must not leave half of it
        self.processes.stop_all()
        if self.network is not None:
            self.network.remove()
            self.network = None
        shutil.rmtree(self.home, ignore_errors=True)

    def helm_argv(self, *words: str) -> list[str]:
        assert self.network is not None
        return self.network.inside(tools.helm(), "--kubeconfig", self.kubectl.kubeconfig, *words)

    def _bring_up(self) -> None:
        self.network = Network()
        self.control_plane = ControlPlane(self.home, self.network, self.processes)
        self.kubectl = self.control_plane.kubectl
        images = (*workload_images.build(self.home / "images"), *self._images)
        # The nodes boot while the control plane comes up; their kubelets ask until it answers.
        for node in plan.NODES:
            self._start_node(node, images)
        self.control_plane.start()
        for node in plan.NODES:
            until(f"{node.name} Ready", lambda: self._ready(node), _READY_S)

    def _start_node(self, node: plan.Node, images: tuple[Path, ...]) -> None:
        assert self.network is not None
        kernel = roots.kernel(node)
        initrd, files = self.home / f"{node.name}.initrd", self.home / f"{node.name}.tar"
        node_vm.write_initramfs(node, kernel, initrd)
        user = f"system:node:{node.name}"
        node_files.write(node, files, kubeconfig=self.control_plane.kubeconfig_text(user, "/etc/kubernetes/ca.pem"),
                         ca=self.control_plane.authority.pair.cert,
                         kubelet=self.control_plane.kubelet_pair(node), images=images)
        self.processes.start(node.name, self.network.inside(
            *node_vm.argv(node, kernel, initrd, files, self.network.tap(node))), env={"TMPDIR": str(self.home)})

    def _ready(self, node: plan.Node) -> bool:
        self.processes.check()
        console = self.processes.log(node.name).read_text(errors="replace")
        if "oomtrail-node: fatal" in console or "Kernel panic" in console:
            raise ClusterError(f"{node.name} did not boot\n{self.processes.tail(node.name)}")
        conditions = self.kubectl.json("get", "node", node.name)["status"]["conditions"]
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _remove_stale() -> None:
    """What a run that was killed could not remove: disks that its nodes wrote to."""
    for home in Path(tempfile.gettempdir()).glob(f"{_HOME}*"):
        owner = home.name.removeprefix(_HOME).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(home, ignore_errors=True)
