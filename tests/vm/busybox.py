"""The guest's user space: a static busybox, the host's own or, for another architecture, fetched."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import apt_sources
from apt_sources import FetchError
from packages import Apt, cache_home, locked

HOST = Path("/bin/busybox")
_SUITES = (("archive", "bookworm"),)


def fetch(arch: str) -> Path:
    """Kept outside the repository, and fetched once. Safe in several processes."""
    native = subprocess.run(["dpkg", "--print-architecture"], check=True, text=True, stdout=subprocess.PIPE)
    if native.stdout.strip() == arch:
        return HOST
    home = cache_home("busybox")
    with locked(home):
        program = home / f"busybox-{arch}"
        if not program.is_file():
            with tempfile.TemporaryDirectory(prefix=".fetch-", dir=home) as scratch:
                apt = Apt(Path(scratch, "apt"), arch)
                apt.update(apt_sources.machine_mirror(), _SUITES)
                found = apt.versions(["busybox-static"])
                if not found:
                    raise FetchError(f"no busybox-static for {arch}: {apt.log.strip() or 'bookworm has none'}")
                unpacked = Path(scratch, "unpacked")
                apt.unpack(found[0], unpacked)
                os.rename(next(path for path in (unpacked / "bin/busybox", unpacked / "usr/bin/busybox")
                               if path.is_file()), program)
    return program
