"""What the test cluster is made of: versions, addresses, and two nodes that differ in all that matters.

Everything is here and nowhere else, so that docs/kubernetes-support.md can be written from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

KUBERNETES = "1.36.3"
CONTAINERD = "2.4.2"
CNI_PLUGINS = "1.10.0"
HELM = "3.22.0"

# The one address of the control plane, on a bridge that nothing outside its network namespace can reach.
# It is also the API server's Service address: with port 443 on both, no kube-proxy is needed. There is
# no DNS: who wants every agent asks the API server for the headless Service's EndpointSlices.
BRIDGE = "10.88.0.1"
SERVICES = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
PODS = "10.244.0.0/16"


@dataclass(frozen=True)
class Node:
    """A worker: a Debian root with systemd on a Debian kernel, in a virtual machine."""

    name: str
    number: int
    suite: str
    kernel: str  # a series of tests/vm/kernels.py
    kubelet: str
    containerd: str  # a version that we build, or "debian"
    cgroup_driver: str
    single_process_oom_kill: bool
    # What pods may not use; 0: they may fill the node, and the kernel's own OOM comes before a limit.
    reserved_mib: int
    memory_mib: int
    cmdline: str = ""

    @property
    def address(self) -> str:
        return f"10.88.0.{10 + self.number}"

    @property
    def mac(self) -> str:
        return f"52:54:00:88:00:{10 + self.number:02x}"

    @property
    def pods(self) -> str:
        return f"10.244.{self.number}.0/24"

    @property
    def systemd_driver(self) -> bool:
        return self.cgroup_driver == "systemd"


NODES = (
    Node("node-a", 1, suite="bookworm", kernel="6.1", kubelet=KUBERNETES, containerd=CONTAINERD,
         cgroup_driver="systemd", single_process_oom_kill=False, reserved_mib=2048, memory_mib=3072),
    Node("node-b", 2, suite="trixie", kernel="6.12", kubelet="1.33.13", containerd="debian",
         cgroup_driver="cgroupfs", single_process_oom_kill=True, reserved_mib=0, memory_mib=3072,
         cmdline="lockdown=confidentiality"),
)
