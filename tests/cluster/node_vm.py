"""A node's virtual machine: its kernel, what starts its root, and how QEMU is asked for it."""

from __future__ import annotations

import lzma
import subprocess
import sys
from pathlib import Path

import plan
import roots
from workload_images import BUSYBOX

sys.path.insert(0, str(plan.REPOSITORY / "tests/vm"))
from initramfs import File, Root  # noqa: E402
from kernels import Kernel  # noqa: E402

_INIT = plan.REPOSITORY / "tests/cluster/guest/init.sh"
# An old one: emulated, AVX is slower than doing without, and checksums of images are most of a start.
_CPU = "Nehalem,+rdrand"
_MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "ext4")


def _modules(kernel: Kernel) -> list[Path]:
    """What those modules need, in the order in which they load. Built-in ones are none."""
    release = kernel.release
    if not (kernel.modules_root / "lib/modules" / release / "modules.dep.bin").exists():
        subprocess.run(["depmod", "-b", str(kernel.modules_root), release], check=True)
    found: list[Path] = []
    for name in _MODULES:
        done = subprocess.run(["modprobe", "-d", str(kernel.modules_root), "-S", release, "--show-depends", name],
                              check=True, text=True, capture_output=True)
        for line in done.stdout.splitlines():
            word, _, rest = line.partition(" ")
            if word == "insmod" and (path := Path(rest.split()[0])) not in found:
                found.append(path)
    return found


def write_initramfs(node: plan.Node, kernel: Kernel, out: Path) -> None:
    root = Root()
    root.host(BUSYBOX, "/bin/busybox")
    root.text("/newroot/.mount-point", "")
    root.file("/init", File(_INIT, 0o755))
    root.text("/parameters", f"ADDRESS={node.address}\nGATEWAY={plan.BRIDGE}\n")
    order = []
    for path in _modules(kernel):
        name = path.name.removesuffix(".xz")
        content = path.read_bytes()
        root.file(f"/modules/{name}", File(lzma.decompress(content) if path.suffix == ".xz" else content))
        order.append(name)
    root.text("/modules/order", "".join(f"{name}\n" for name in order))
    with open(out, "wb") as file:
        root.write(file)


def argv(node: plan.Node, kernel: Kernel, initrd: Path, files: Path, tap: str) -> list[str]:
    # One CPU: two nodes share the two of a build machine. thread=single: see tests/vm/vm.py.
    return ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            "-accel", "tcg,thread=single,tb-size=512", "-cpu", _CPU, "-smp", "1", "-m", str(node.memory_mib),
            "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            "-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng",
            # Written to a temporary file of QEMU's own: the image stays as it is.
            "-drive", f"file={roots.root_image(node)},format=raw,if=virtio,snapshot=on,cache=unsafe",
            "-drive", f"file={files},format=raw,if=virtio,readonly=on",
            "-netdev", f"tap,id=net,ifname={tap},script=no,downscript=no",
            "-device", f"virtio-net-pci,netdev=net,mac={node.mac},romfile=",
            "-kernel", str(kernel.vmlinuz), "-initrd", str(initrd),
            # init_on_alloc: Debian clears pages once more than it must; emulated, 1.8 s instead of 1.1 for 200 MiB.
            "-append", f"console=ttyS0 panic=-1 quiet loglevel=3 net.ifnames=0 init_on_alloc=0 "
                       f"systemd.show_status=0 mitigations=off {node.cmdline}".strip()]
