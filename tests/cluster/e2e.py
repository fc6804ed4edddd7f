#!/usr/bin/env python3
"""oomtrail on a real Kubernetes cluster: `make e2e`. Ends with "N passed, N failed"; 77: cannot run here.

  e2e.py                 all cases, on one cluster
  e2e.py --only rows     one group of them, after the installation
  e2e.py --quick         the groups that `make test` has time for
  e2e.py --shell         the cluster with oomtrail in it, and a shell; it ends with the shell

The control plane runs on this host in a network namespace of its own, the nodes in virtual machines
(plan.py says which). All of it is gone at the end, whatever the end is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import agent_image
import cases_access
import cases_counts
import cases_density
import cases_install
import cases_network
import cases_upgrade
import cases_workloads
import controller_image
import network
import plan
import support
import tools
from agent import Agent
from api_names import ApiNames
from checks import Checks
from cluster import Cluster
from node_tools import NodeTools
from processes import ClusterError
from stand import Stand
from subscribers import Subscribers

CANNOT_RUN = 77
LOGS = plan.REPOSITORY / "build/logs/cluster"

# In the order in which they run; each can be chosen by its name.
GROUPS: dict[str, Callable[[Stand], None]] = {
    "hooks": cases_install.says_how,
    "test": cases_install.chart_test,
    "rows": cases_workloads.rows,
    "ephemeral": cases_workloads.ephemeral_container,
    "static": cases_workloads.static_pod,
    "podlimit": cases_workloads.pod_limit,
    "rbac": cases_access.least_rbac,
    "values": cases_access.server_side,
    "upgrade": cases_upgrade.rolling,
    "rollback": cases_upgrade.rollback,
    "network": lambda stand: cases_network.serve(stand, stand.cluster.home),
    "deleted": cases_workloads.deleted_at_the_kill,
    "kubelet": lambda stand: cases_workloads.without(stand, "kubelet"),
    "containerd": lambda stand: cases_workloads.without(stand, "containerd"),
    "node": cases_workloads.whole_node,
}
# After the counts of kills have been compared, on nodes that have time for it.
LAST_GROUPS: dict[str, Callable[[Stand], None]] = {
    "density": cases_density.many_pods,
    "uninstall": cases_install.uninstall,
}
# The part that `make test` has time for.
QUICK = ("hooks", "test", "rows", "rbac", "uninstall")


def missing() -> list[str]:
    programs = ("qemu-system-x86_64", "mmdebstrap", "mke2fs", "etcd", "busybox", "ip", "openssl", "depmod",
                "setpriv", "go", "cc", "protoc")
    found = [f"{program} is not here" for program in programs if shutil.which(program) is None]
    if os.geteuid() != 0:
        found.append("network namespaces are made as root only")
    return found or list(network.lacks())


def shell(cluster: Cluster) -> None:
    """A person's own shell in the cluster's network, with kubectl and helm; its end is the cluster's."""
    assert cluster.network is not None
    tools_dir = cluster.home / "bin"
    kubeconfig = cluster.kubectl.kubeconfig
    print(f"\nKUBECONFIG={kubeconfig}, in the network namespace {cluster.network.name}. From another terminal:\n"
          f"  ip netns exec {cluster.network.name} {tools_dir}/kubectl --kubeconfig {kubeconfig} get pods -A\n"
          f"The nodes' consoles and the control plane's logs are in {LOGS}.\n"
          f"All of it ends with `exit` (or, where there is no terminal: kill {os.getpid()}).", flush=True)
    if sys.stdin.isatty():
        subprocess.run(cluster.network.inside(os.environ.get("SHELL", "/bin/bash")), env={
            **os.environ, "KUBECONFIG": str(kubeconfig), "PATH": f"{tools_dir}:{os.environ['PATH']}"})
    else:
        signal.pause()


def run_cases(stand: Stand, chosen: tuple[str, ...]) -> None:
    def run_groups(groups: dict[str, Callable[[Stand], None]]) -> None:
        for name, group in groups.items():
            if not chosen or name in chosen:
                with stand.checks.group(name):
                    group(stand)

    cases_workloads.prepare(stand)
    stand.subscribers.ready()
    before = cases_counts.baseline(stand)
    run_groups(GROUPS)
    cases_counts.agree(stand, before)
    cases_counts.latency(stand)
    run_groups(LAST_GROUPS)
    if not chosen and not stand.checks.failed:
        support.write(stand.checks)


def run(options: argparse.Namespace, checks: Checks, scratch: Path) -> None:
    images = (agent_image.archive(scratch), controller_image.build(scratch))
    with Cluster(LOGS, images) as cluster:
        print(f"cluster ready after {cluster.ready_after_s:.0f} s", flush=True)
        stand = Stand(cluster, checks, Agent(cluster), NodeTools(cluster.kubectl),
                      Subscribers(cluster.kubectl, agent_image.reference()),
                      ApiNames(cluster.kubectl, cluster.processes, cluster.home / "pods.json"),
                      agent_image.reference())
        stand.figures["cluster"] = f"ready after {cluster.ready_after_s:.0f} s"
        stand.figures["image"] = f"{images[0].stat().st_size / (1 << 20):.1f} MiB (OCI archive)"
        stand.tools.install()
        cases_install.install(stand)
        stand.subscribers.install()
        stand.tools.ready()
        if options.shell:
            shell(cluster)
            return
        run_cases(stand, QUICK if options.quick else tuple(options.only))
        print("\nfigures:")
        for name, value in stand.figures.items():
            print(f"  {name}: {value}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shell", action="store_true", help="leave the cluster up for a person")
    parser.add_argument("--only", action="append", default=[], metavar="GROUP",
                        choices=(*GROUPS, *LAST_GROUPS))
    parser.add_argument("--quick", action="store_true", help="only " + ", ".join(QUICK))
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    if lacks := missing():
        print("cannot run: " + "; ".join(lacks))
        return CANNOT_RUN
    checks = Checks()
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="oomtrail-e2e-") as scratch:
            run(options, checks, Path(scratch))
    except (KeyboardInterrupt, SystemExit) as error:
        print(f"interrupted after {time.monotonic() - started:.0f} s\n{checks.summary()}")
        return error.code if isinstance(error, SystemExit) else 128 + signal.SIGINT
    except tools.CannotRun as error:
        print(f"cannot run: {error}")
        return CANNOT_RUN
    except ClusterError as error:
        checks.fail("cluster", error)
    print(f"after {time.monotonic() - started:.0f} s")
    print(checks.summary())
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
