"""A network namespace with a bridge and a tap for each node: no address outside it is ever touched."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import plan
from processes import CommandFailed, run

_PREFIX = "oomtrail-"


class Network:
    """Named after this process, so that one that was left behind by a killed run is known as such."""

    def __init__(self) -> None:
        _remove_stale()
        self.name = f"{_PREFIX}{os.getpid()}"
        run(["ip", "netns", "add", self.name])
        try:
            self._ip("link", "set", "lo", "up")
            self._ip("link", "add", "nodes", "type", "bridge")
            self._ip("address", "add", f"{plan.BRIDGE}/24", "dev", "nodes")
            self._ip("address", "add", f"{plan.API_SERVICE}/32", "dev", "nodes")
            self._ip("link", "set", "nodes", "up")
            for node in plan.NODES:
                self._ip("tuntap", "add", self.tap(node), "mode", "tap")
                self._ip("link", "set", self.tap(node), "master", "nodes", "up")
                self._ip("route", "add", node.pods, "via", node.address)
            # Pods of one node reach those of the other by way of the bridge.
            run(self.inside("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"))
        except BaseException:
            self.remove()
            raise

    @staticmethod
    def tap(node: plan.Node) -> str:
        return f"tap{node.number}"

    def inside(self, *argv: str | Path) -> list[str]:
        """The command, run in the namespace; no shell and no process between."""
        return ["ip", "netns", "exec", self.name, *map(str, argv)]

    def remove(self) -> None:
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True)

    def _ip(self, *words: str) -> None:
        run(["ip", "-n", self.name, *words])


def _remove_stale() -> None:
    for line in run(["ip", "netns", "list"]).splitlines():
        name = line.split()[0] if line.strip() else ""
        owner = name.removeprefix(_PREFIX)
        if name.startswith(_PREFIX) and owner.isdigit() and not Path("/proc", owner).exists():
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


def lacks() -> Sequence[str]:
    """What keeps this machine from having such a network, in words; empty where nothing does."""
    if not Path("/dev/net/tun").exists():
        return ["no /dev/net/tun"]
    try:
        run(["ip", "netns", "list"])
    except (CommandFailed, OSError) as error:
        return [str(error)]
    return []
