"""Debian packages of other releases, without touching this machine's apt.

An apt with lists, cache, status and sources of its own finds, verifies and
downloads them; dpkg only unpacks. Nothing is ever installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from apt_sources import FetchError, Mirror


@dataclass(frozen=True)
class Package:
    name: str
    version: str


def newer(left: str, right: str) -> bool:
    """Debian's own ordering of versions, by the tool that defines it."""
    return subprocess.run(["dpkg", "--compare-versions", left, "gt", right]).returncode == 0


def choose(packages: Iterable[Package], series: str, arch: str, *, or_newer: bool = False) -> Package | None:
    """The newest bootable image of `series`; at equal version the signed one, and
    the split linux-binary package before the linux-image that only depends on it."""
    line = r"\d+\.\d+" if or_newer else re.escape(series)
    name = re.compile(rf"linux-(image|binary)-(unsigned-)?{line}\.\d\S*-cloud-{arch}(-unsigned)?")

    def rank(package: Package) -> tuple[bool, bool]:
        return package.name.startswith("linux-binary-"), "unsigned" not in package.name

    best: Package | None = None
    for package in packages:
        if name.fullmatch(package.name) is None or (or_newer and newer(series, package.version)):
            continue
        if best is None or newer(package.version, best.version) or (
                package.version == best.version and rank(package) > rank(best)):
            best = package
    return best


def siblings(image: Package) -> tuple[Package, ...]:
    """The packages that hold the rest of a kernel: since 7.x the image alone is
    in linux-binary, its configuration in linux-base, its modules in linux-modules."""
    if not image.name.startswith("linux-binary-"):
        return ()
    rest = image.name.removeprefix("linux-binary-").removeprefix("unsigned-")
    return tuple(Package(f"linux-{part}-{rest}", image.version) for part in ("base", "modules"))


def cache_home(kind: str) -> Path:
    """Where `kind` is kept: outside the repository, as scripts/common.sh has it."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(os.environ.get("OOMTRAIL_CACHE") or f"{base}/oomtrail") / kind


@contextlib.contextmanager
def locked(home: Path) -> Iterator[None]:
    """One process at a time fills `home`; the others wait and share."""
    home.mkdir(parents=True, exist_ok=True)
    with open(home / ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Apt:
    """apt with a configuration of its own in `home`; the host's state is never touched.

    Only the host's Acquire settings (proxies, date checks) are taken over: its
    hooks would run on the host's caches.
    """

    def __init__(self, home: Path, arch: str) -> None:
        for name in ("lists/partial", "cache/archives/partial", "sources.list.d", "debs"):
            (home / name).mkdir(parents=True)
        (home / "status").touch()
        acquire = subprocess.run(["apt-config", "dump", "Acquire"], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout
        (home / "apt.conf").write_text(
            f'Dir::Etc::main "/dev/null";\nDir::Etc::parts "/dev/null";\n{acquire}\n'
            f'Dir::State::Lists "{home}/lists";\nDir::State::status "{home}/status";\n'
            f'Dir::Cache "{home}/cache";\nDir::Etc::sourcelist "{home}/sources.list";\n'
            f'Dir::Etc::sourceparts "{home}/sources.list.d";\n'
            'Dir::Etc::preferences "/dev/null";\nDir::Etc::preferencesparts "/dev/null";\n'
            f'APT::Architecture "{arch}";\nAPT::Architectures {{ "{arch}"; }};\n'
            'APT::Sandbox::User "root";\nAcquire::Check-Valid-Until "false";\n')
        self.home = home
        self.arch = arch
        self.log = ""

    def _run(self, *argv: str, cwd: Path | None = None) -> str:
        done = subprocess.run(argv, cwd=cwd, text=True, capture_output=True,
                              env={**os.environ, "APT_CONFIG": f"{self.home}/apt.conf", "LC_ALL": "C"})
        self.log += done.stderr
        return done.stdout if done.returncode == 0 else ""

    def update(self, mirror: Mirror, suites: Iterable[tuple[str, str]]) -> None:
        """Knows the packages of these suites. A suite that is gone is only logged."""
        options = f"arch={self.arch} target=Packages" + (
            f" signed-by={mirror.signed_by}" if mirror.signed_by else "")
        (self.home / "sources.list").write_text("".join(
            f"deb [{options}] {mirror.uri(area)} {suite} main\n" for area, suite in suites))
        self._run("apt-get", "-q", "update")

    def names(self, prefix: str) -> list[str]:
        return self._run("apt-cache", "pkgnames", prefix).split()

    def versions(self, names: Sequence[str]) -> list[Package]:
        rows = self._run("apt-cache", "madison", *names) if names else ""
        columns = (line.split("|") for line in rows.splitlines())
        return [Package(row[0].strip(), row[1].strip()) for row in columns if len(row) == 3]

    def unpack(self, package: Package, into: Path) -> None:
        debs = self.home / "debs"
        self._run("apt-get", "-q", "download", f"{package.name}={package.version}", cwd=debs)
        found = list(debs.glob(f"{package.name}_*.deb"))
        if not found:
            raise FetchError(f"download {package.name}={package.version}: {self.log.strip()}")
        if subprocess.run(["dpkg", "-x", str(found[0]), str(into)]).returncode != 0:
            raise FetchError(f"unpack {found[0].name}: dpkg failed")
