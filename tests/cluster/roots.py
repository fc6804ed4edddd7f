"""The nodes' root file systems: Debian by mmdebstrap, with the node's programs and its kernel's modules.

Made once and kept outside the repository, by the key of all that goes in. What belongs to one run (keys,
configuration, images) is no part of them: node.py sends it on a disk of its own.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import plan
import tools

sys.path.insert(0, str(plan.REPOSITORY / "tests/vm"))
import apt_sources  # noqa: E402
import kernels  # noqa: E402

_PACKAGES = ("systemd-sysv", "dbus", "iproute2", "mount", "procps", "udev", "kmod", "runc")
_SIZE = "6G"  # sparse
_RECIPE = "3"  # a change to how a root is made, in this file, needs another number


def kernel(node: plan.Node) -> kernels.Kernel:
    return kernels.fetch(node.kernel)


def root_image(node: plan.Node) -> Path:
    """An ext4 image to boot from; never written to."""
    programs = _programs(node)
    modules = kernel(node)
    return _kept(f"{node.suite}-root", ".ext4", (
        _RECIPE, debian(node).name, modules.release, modules.version,
        *(f"{source} {path}" for path, source in sorted(programs.items()))),
        lambda out: _make(node, programs, modules, out))


def debian(node: plan.Node) -> Path:
    """A tar of the distribution's part alone."""
    packages = _PACKAGES + (("containerd",) if node.containerd == "debian" else ())
    return _kept(f"{node.suite}-debian", ".tar", (_RECIPE, *packages),
                 lambda out: _bootstrap(node.suite, packages, out))


def _kept(name: str, suffix: str, inputs: Iterable[str], make: Callable[[Path], None]) -> Path:
    """The file made of these inputs; one that was made of others goes."""
    key = hashlib.sha256("\n".join(inputs).encode()).hexdigest()[:16]
    home = tools.cache() / "roots"
    home.mkdir(parents=True, exist_ok=True)
    kept = home / f"{name}-{key}{suffix}"
    with open(home / f".{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            print(f"cluster: making {kept.name}", file=sys.stderr)
            for older in home.glob(f"{name}-*{suffix}"):
                older.unlink()
            with tempfile.TemporaryDirectory(prefix=".made-", dir=home) as scratch:
                made = Path(scratch, f"made{suffix}")
                make(made)
                os.rename(made, kept)
    return kept


def _programs(node: plan.Node) -> dict[str, Path]:
    """Where each program stands in the node, and where it is here."""
    found = {"usr/local/bin/kubelet": tools.kubernetes("kubelet", node.kubelet)}
    if node.containerd != "debian":
        for name in ("containerd", "containerd-shim-runc-v2", "ctr"):
            found[f"usr/local/bin/{name}"] = tools.containerd(name)
    for plugin in ("main/bridge", "main/loopback", "ipam/host-local"):
        found[f"opt/cni/bin/{plugin.rpartition('/')[2]}"] = tools.cni(plugin)
    return found


def _make(node: plan.Node, programs: dict[str, Path], modules: kernels.Kernel, image: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="root-", dir=image.parent) as scratch:
        root = Path(scratch, "root")
        root.mkdir(mode=0o755)
        _run(["tar", "-xf", str(debian(node)), "-C", str(root)])
        for path, source in programs.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        release = modules.release
        shutil.copytree(modules.modules_root / "lib/modules" / release, root / "usr/lib/modules" / release,
                        symlinks=True)
        _run(["depmod", "-b", str(root), release])
        for unit in ("getty@tty1", "serial-getty@ttyS0", "systemd-timesyncd", "systemd-networkd", "fstrim"):
            mask = root / f"etc/systemd/system/{unit}.service"
            mask.parent.mkdir(parents=True, exist_ok=True)
            if not mask.is_symlink():
                mask.symlink_to("/dev/null")
        (root / "etc/machine-id").unlink(missing_ok=True)
        # No journal: an image is thrown away with its node.
        _run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-E", "lazy_itable_init=1", "-L", node.name,
              "-d", str(root), str(image), _SIZE])


def _bootstrap(suite: str, packages: tuple[str, ...], out: Path) -> None:
    mirror = apt_sources.machine_mirror()
    signed = f"[signed-by={mirror.signed_by}] " if mirror.signed_by else ""
    _run(["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={','.join(packages)}",
          "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
          "--dpkgopt=path-exclude=/usr/share/man/*", suite, str(out),
          f"deb {signed}{mirror.archive} {suite} main"])


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, text=True, capture_output=True)
    if done.returncode != 0:
        raise tools.CannotRun(f"{argv[0]}: {done.stderr.strip()[-2000:]}")
