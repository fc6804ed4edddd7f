#!/usr/bin/env python3
"""Fetches the Debian cloud kernels the VM tests boot, and keeps them.

  kernels.py fetch 6.1        the path of that kernel's vmlinuz, fetched if need be
  kernels.py fetch --refresh all
  kernels.py list             what is cached

Nothing is installed: packages are downloaded by apt (which checks signatures)
through a private configuration and unpacked. Kept outside the repository:

  ${OOMTRAIL_CACHE:-${XDG_CACHE_HOME:-~/.cache}/oomtrail}/kernels/<id>/
      <arch>-<package version>/{vmlinuz,config,kernel.json,root/lib/modules/<release>}
      current-<arch>          a symlink to the one in use
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import apt_sources
from apt_sources import FetchError
from packages import Apt, Package, cache_home, choose, locked, siblings


@dataclass(frozen=True)
class Series:
    """A kernel line under test and where Debian keeps it.

    Each attempt is a group of (area, suite); the next one is tried only when a
    group holds no such kernel. `or_newer`: the suite moves on to later kernels.
    """

    id: str
    attempts: tuple[tuple[tuple[str, str], ...], ...]
    or_newer: bool = False


SERIES = {series.id: series for series in (
    Series("5.10", ((("archive", "bullseye"), ("security", "bullseye-security")),
                    (("archived", "bullseye"),))),
    Series("6.1", ((("archive", "bookworm"), ("security", "bookworm-security")),
                   (("archived", "bookworm"),))),
    Series("6.12", ((("archive", "trixie"), ("security", "trixie-security")),
                    (("archive", "bookworm-backports"),))),
    Series("7.2", ((("archive", "unstable"),),), or_newer=True),
)}


@dataclass(frozen=True)
class Kernel:
    """A kernel in the cache, ready to boot."""

    id: str
    arch: str
    package: str
    version: str
    release: str
    directory: Path

    @property
    def vmlinuz(self) -> Path:
        return self.directory / "vmlinuz"

    @property
    def config(self) -> Path:
        return self.directory / "config"

    @property
    def modules_root(self) -> Path:
        """What `modprobe -d` and `depmod -b` want: holds lib/modules/<release>."""
        return self.directory / "root"


def _resolve(apt: Apt, series: Series) -> Package:
    seen: list[Package] = []
    mirror = apt_sources.machine_mirror()
    for suites in series.attempts:
        apt.update(mirror, suites)
        seen = apt.versions([name for name in apt.names("linux-") if f"-cloud-{apt.arch}" in name])
        if found := choose(seen, series.id, apt.arch):
            return found
    if series.or_newer and (found := choose(seen, series.id, apt.arch, or_newer=True)):
        print(f"kernels: {series.id} has left its suite, taking {found.version}", file=sys.stderr)
        return found
    raise FetchError(f"no {series.id} cloud kernel for {apt.arch} on {mirror.archive}: "
                      f"{apt.log.strip() or 'suites were read, none holds one'}")


def _arrange(unpacked: Path, kernel: Path) -> str:
    """Moves what matters of an unpacked package into `kernel`; returns the release."""
    modules = next(path for path in (unpacked / "lib/modules", unpacked / "usr/lib/modules") if path.is_dir())
    release = next(modules.iterdir()).name
    for name in ("vmlinuz", "config"):
        places = (unpacked / "boot" / f"{name}-{release}", modules / release / name)
        source = next((path for path in places if path.is_file()), None)
        if source is None:
            raise FetchError(f"{release}: the package holds no {name}")
        os.rename(source, kernel / name)
    (kernel / "root/lib").mkdir(parents=True)
    os.rename(modules, kernel / "root/lib/modules")
    return release


def _download(series: Series, arch: str, home: Path) -> str:
    """Fetches the newest package and makes it current; returns its directory's name."""
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=home) as scratch:
        apt = Apt(Path(scratch, "apt"), arch)
        image = _resolve(apt, series)
        name = f"{arch}-{image.version}".replace("/", "_")
        if not (home / name).is_dir():
            print(f"kernels: fetching {image.name} {image.version}", file=sys.stderr)
            unpacked, kernel = Path(scratch, "unpacked"), Path(scratch, "kernel")
            kernel.mkdir()
            for package in (image, *siblings(image)):
                apt.unpack(package, unpacked)
            release = _arrange(unpacked, kernel)
            (kernel / "kernel.json").write_text(json.dumps(
                {"package": image.name, "version": image.version, "release": release}) + "\n")
            os.rename(kernel, home / name)
        os.symlink(name, Path(scratch, "current"))
        os.rename(Path(scratch, "current"), home / f"current-{arch}")
    return name


def cached(series: str, arch: str = "amd64") -> Kernel | None:
    """The kernel in use, without asking the network; None when there is none yet."""
    try:
        directory = (cache_home("kernels") / series / f"current-{arch}").resolve(strict=True)
        return Kernel(series, arch, directory=directory, **json.loads((directory / "kernel.json").read_text()))
    except FileNotFoundError:
        return None


def fetch(series: str, arch: str = "amd64", *, refresh: bool = False) -> Kernel:
    """The newest kernel of `series`: from the cache, or (`refresh`) asked for again.

    Safe in several processes: one downloads, the others wait and share. A refresh
    keeps the kernel it replaces, which another process may be about to boot.
    """
    if series not in SERIES:
        raise FetchError(f"unknown kernel {series!r} (known: {', '.join(SERIES)})")
    home = cache_home("kernels") / series
    with locked(home):
        before = cached(series, arch)
        if before is None or refresh:
            name = _download(SERIES[series], arch, home)
            keep = {name, before.directory.name if before else name}
            for other in home.glob(f"{arch}-*"):
                if other.name not in keep:
                    shutil.rmtree(other)
        kernel = cached(series, arch)
    assert kernel is not None
    return kernel


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="amd64")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="what is known and cached")
    fetching = commands.add_parser("fetch", help="print the path of vmlinuz")
    fetching.add_argument("--refresh", action="store_true", help="look for a newer package")
    fetching.add_argument("ids", nargs="+", metavar="ID", help=f"{', '.join(SERIES)} or all")
    options = parser.parse_args()
    try:
        if options.command == "list":
            for name in SERIES:
                kernel = cached(name, options.arch)
                print(name, f"{kernel.version} {kernel.vmlinuz}" if kernel else "not cached", sep="\t")
        else:
            for name in SERIES if "all" in options.ids else options.ids:
                print(fetch(name, options.arch, refresh=options.refresh).vmlinuz)
    except (FetchError, OSError) as error:
        print(f"kernels: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
