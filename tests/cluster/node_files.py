"""What belongs to one node in one run: identity, configuration and images, as a tar over its root."""

from __future__ import annotations

import io
import json
import tarfile
import uuid
from collections.abc import Iterable
from pathlib import Path

import plan
import workload_images
from pki import Pair

_CONTAINERD_2 = """\
version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '{pause}'
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ['/opt/cni/bin']
  conf_dir = '/etc/cni/net.d'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
    SystemdCgroup = {systemd}
"""
_CONTAINERD_1 = """\
version = 2
[plugins.'io.containerd.grpc.v1.cri']
  sandbox_image = '{pause}'
  [plugins.'io.containerd.grpc.v1.cri'.cni]
    bin_dir = '/opt/cni/bin'
    conf_dir = '/etc/cni/net.d'
  [plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc]
    runtime_type = 'io.containerd.runc.v2'
    [plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc.options]
      SystemdCgroup = {systemd}
"""
_CONTAINERD_UNIT = """\
[Unit]
Description=containerd
[Service]
Type=notify
ExecStart={program}
Delegate=yes
KillMode=process
Restart=always
OOMScoreAdjust=-999
"""
_IMAGES_UNIT = """\
[Unit]
Description=Images of this run
Requires=containerd.service
After=containerd.service
[Service]
Type=oneshot
RemainAfterExit=yes
StandardOutput=journal+console
StandardError=journal+console
ExecStart=/bin/sh -c 'for image in /opt/images/*.tar; do \
  ctr -n k8s.io images import {label} $image || exit 1; done'
"""
_KUBELET_UNIT = """\
[Unit]
Description=kubelet
Wants=containerd.service images.service
After=containerd.service images.service
[Service]
ExecStart=/usr/local/bin/kubelet --config=/etc/kubernetes/kubelet.json \
  --kubeconfig=/etc/kubernetes/kubeconfig --hostname-override={name} --node-ip={address}
StandardOutput=journal+console
StandardError=journal+console
Restart=always
OOMScoreAdjust=-999
[Install]
WantedBy=multi-user.target
"""


def _cni(node: plan.Node) -> dict:
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [
        {"type": "bridge", "bridge": "pods", "isGateway": True, "ipMasq": False, "hairpinMode": True,
         "ipam": {"type": "host-local", "ranges": [[{"subnet": node.pods}]],
                  "routes": [{"dst": "0.0.0.0/0"}]}}]}


def _kubelet(node: plan.Node) -> dict:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True},
                           "x509": {"clientCAFile": "/etc/kubernetes/ca.pem"}},
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": "/etc/kubernetes/kubelet.pem", "tlsPrivateKeyFile": "/etc/kubernetes/kubelet.key",
        "cgroupDriver": node.cgroup_driver, "singleProcessOOMKill": node.single_process_oom_kill,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        # Nobody answers there; without an address the kubelet complains of every pod.
        "clusterDNS": [plan.BRIDGE], "staticPodPath": "/etc/kubernetes/manifests",
        "makeIPTablesUtilChains": False, "failSwapOn": False, "maxPods": 150,
        # An eviction would end a pod before the kernel does.
        "evictionHard": {"memory.available": "1Mi", "nodefs.available": "1%", "imagefs.available": "1%",
                         "nodefs.inodesFree": "1%", "imagefs.inodesFree": "1%"},
        "enforceNodeAllocatable": ["pods" if node.reserved_mib else "none"],
        "kubeReserved": {"memory": f"{node.reserved_mib}Mi"},
        "logging": {"verbosity": 0}}


def write(node: plan.Node, out: Path, *, kubeconfig: str, ca: Path, kubelet: Pair,
          images: Iterable[Path]) -> None:
    debian = node.containerd == "debian"
    program = "/usr/bin/containerd" if debian else "/usr/local/bin/containerd"
    containerd = (_CONTAINERD_1 if debian else _CONTAINERD_2).format(
        pause=workload_images.PAUSE, systemd=str(node.systemd_driver).lower())
    files: dict[str, bytes | str] = {
        "etc/hostname": f"{node.name}\n",
        "etc/hosts": f"127.0.0.1 localhost\n{node.address} {node.name}\n",
        "etc/resolv.conf": f"nameserver {plan.BRIDGE}\n",
        "etc/machine-id": f"{uuid.uuid4().hex}\n",
        "etc/modules-load.d/pods.conf": "overlay\nveth\nbridge\n",
        "etc/cni/net.d/10-pods.conflist": json.dumps(_cni(node)),
        "etc/containerd/config.toml": containerd,
        "etc/kubernetes/kubelet.json": json.dumps(_kubelet(node)),
        "etc/kubernetes/kubeconfig": kubeconfig,
        "etc/kubernetes/ca.pem": ca.read_bytes(),
        "etc/kubernetes/kubelet.pem": kubelet.cert.read_bytes(),
        "etc/kubernetes/kubelet.key": kubelet.key.read_bytes(),
        "etc/kubernetes/manifests/.keep": "",
        "etc/systemd/system/containerd.service": _CONTAINERD_UNIT.format(program=program),
        # An older ctr knows no such flag, and its containerd sets the label by itself.
        "etc/systemd/system/images.service": _IMAGES_UNIT.format(
            label="" if debian else "--label io.cri-containerd.image=managed"),
        "etc/systemd/system/kubelet.service": _KUBELET_UNIT.format(name=node.name, address=node.address),
        **{f"opt/images/{image.name}": image.read_bytes() for image in images},
    }
    with tarfile.open(out, "w") as archive:
        for path, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(raw), 0o600 if path.endswith((".key", "kubeconfig")) else 0o644
            archive.addfile(entry, io.BytesIO(raw))
        wanted = tarfile.TarInfo("etc/systemd/system/multi-user.target.wants/kubelet.service")
        wanted.type, wanted.linkname = tarfile.SYMTYPE, "/etc/systemd/system/kubelet.service"
        archive.addfile(wanted)
