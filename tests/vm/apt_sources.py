#!/usr/bin/env python3
"""Reads the machine's own apt sources and names the Debian mirror in them.

  apt_sources.py trixie       that release on that mirror, as a debian.sources

Kernels under test, and the image, come from other Debian releases than the
host's. They are fetched from the mirror this machine already trusts and can
reach, so no mirror is ever written down in the repository. Pure text in, values
out: no network.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

# A source whose suite is one of these, with component main, is the archive.
_RELEASES = frozenset(
    "bullseye bookworm trixie forky oldoldstable oldstable stable testing unstable sid".split())
_KEYRINGS = ("debian-archive-keyring.gpg", "debian-archive-removed-keys.gpg")


class FetchError(Exception):
    """No mirror, no such package, or the download failed: says which, and the remedy."""


@dataclass(frozen=True)
class Source:
    """One enabled `deb` source, whichever of the two formats it was written in."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Mirror:
    """Where the areas of one Debian mirror are, and what signs them."""

    archive: str
    security: str
    signed_by: str = ""

    def uri(self, area: str) -> str:
        """The base URI of "archive", "security", or "archived" (retired releases)."""
        if area == "security":
            return self.security
        return self.archive if area == "archive" else f"{self.archive}-archive/debian"


def parse_one_line(text: str) -> list[Source]:
    """The `deb [options] uri suite component...` format, comments ignored."""
    sources = []
    for line in text.splitlines():
        matched = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s*)?([^\s#]\S*)\s+([^#]+)", line)
        if matched is None or matched[2].startswith("cdrom:"):
            continue
        suite, *components = matched[3].split()
        options = dict(word.split("=", 1) for word in (matched[1] or "").split() if "=" in word)
        sources.append(Source((matched[2],), (suite,), tuple(components),
                              {key.lower(): value for key, value in options.items()}))
    return sources


def parse_deb822(text: str) -> list[Source]:
    """The `.sources` format: stanzas of fields, several values a field."""
    sources = []
    without_comments = "\n".join(l for l in text.splitlines() if not l.startswith("#"))
    for stanza in re.split(r"\n\s*\n", without_comments):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line[:1].isspace():
                fields[name] = f"{fields.get(name, '')}\n{line.strip()}"
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        if "deb" not in fields.pop("types", "").split():
            continue
        if fields.pop("enabled", "yes").lower() in ("no", "false", "0", "off", "without", "disable"):
            continue
        uris, suites, components = (
            tuple(fields.pop(key, "").split()) for key in ("uris", "suites", "components"))
        sources.append(Source(uris, suites, components, fields))
    return sources


def read_sources(etc_apt: Path = Path("/etc/apt")) -> list[Source]:
    """Every enabled source of this machine, in the order apt reads them."""
    sources: list[Source] = []
    files = [etc_apt / "sources.list", *sorted((etc_apt / "sources.list.d").glob("*"))]
    for file in files:
        if file.suffix in (".list", ".sources") and file.is_file():
            parse = parse_one_line if file.suffix == ".list" else parse_deb822
            sources += parse(file.read_text(encoding="utf-8", errors="replace"))
    return sources


def find_mirror(sources: Iterable[Source], keyrings: Path = Path("/usr/share/keyrings")) -> Mirror:
    """The Debian archive among `sources`; security is beside it unless named on its own."""
    archive: Source | None = None
    security: Source | None = None
    for source in sources:
        if not source.uris or "main" not in source.components:
            continue
        if archive is None and _RELEASES & set(source.suites):
            archive = source
        released = {suite.removesuffix("-security") for suite in source.suites
                    if suite.endswith("-security")}
        if security is None and _RELEASES & released:
            security = source
    if archive is None:
        raise FetchError("apt's sources name no Debian archive (remedy: set "
                           "OOMTRAIL_DEBIAN_MIRROR to the URI of one, ending in /debian)")
    return mirror_at(archive.uris[0], security.uris[0] if security else "",
                     archive.options.get("signed-by", ""), keyrings)


def mirror_at(archive: str, security: str = "", signed_by: str = "",
              keyrings: Path = Path("/usr/share/keyrings")) -> Mirror:
    """The mirror whose archive is at `archive`.

    The installed Debian keyrings come before the source's own key, because that
    one may know the host's release only.
    """
    installed = [str(keyrings / name) for name in _KEYRINGS if (keyrings / name).is_file()]
    own_file = signed_by if signed_by.startswith("/") else ""
    archive = archive.rstrip("/")
    return Mirror(archive, security.rstrip("/") or f"{archive}-security",
                  ",".join(installed) or own_file)


def machine_mirror() -> Mirror:
    """The one that the environment names, else the one of this machine's apt."""
    named = os.environ.get("OOMTRAIL_DEBIAN_MIRROR")
    return mirror_at(named) if named else find_mirror(read_sources())


def deb822(mirror: Mirror, release: str) -> str:
    """A .sources file with all of `release`, sources too. It names the keyring that the release has itself."""
    return "\n".join(
        f"Types: deb deb-src\nURIs: {mirror.uri(area)}\nSuites: {suites}\nComponents: main\n"
        f"Signed-By: /usr/share/keyrings/{_KEYRINGS[0]}\n"
        for area, suites in (("archive", f"{release} {release}-updates"), ("security", f"{release}-security")))


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: apt_sources.py RELEASE", file=sys.stderr)
        return 2
    try:
        print(deb822(machine_mirror(), sys.argv[1]), end="")
    except FetchError as error:
        print(f"apt_sources: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
