#!/usr/bin/env python3
"""oomtrail on a real Kubernetes cluster: `make e2e`. Ends with "N passed, N failed"; 77: cannot run here.

  e2e.py            all cases on one cluster
  e2e.py --shell    the cluster with oomtrail in it, and a shell inside; it ends with the shell

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
from pathlib import Path

import network
import plan
import tools
from checks import Checks
from cluster import Cluster
from processes import ClusterError

CANNOT_RUN = 77
LOGS = plan.REPOSITORY / "build/logs/cluster"


def missing() -> list[str]:
    programs = ("qemu-system-x86_64", "mmdebstrap", "mke2fs", "etcd", "busybox", "ip", "openssl", "depmod",
                "setpriv", "go", "cc")
    found = [f"{program} is not here" for program in programs if shutil.which(program) is None]
    return found or list(network.lacks())


def shell(cluster: Cluster) -> None:
    """A person's own shell in the cluster's network, with kubectl and helm; its end is the cluster's."""
    assert cluster.network is not None
    tools_dir = cluster.home / "bin"
    tools_dir.mkdir()
    for name, program in (("kubectl", tools.kubernetes("kubectl")), ("helm", tools.helm())):
        (tools_dir / name).symlink_to(program)
    kubeconfig = cluster.kubectl.kubeconfig
    print(f"\nup after {cluster.ready_after_s:.0f} s. KUBECONFIG={kubeconfig}, in the network namespace "
          f"{cluster.network.name}; from another terminal:\n"
          f"  ip netns exec {cluster.network.name} {tools_dir}/kubectl --kubeconfig {kubeconfig} get nodes\n"
          "`exit` (or ctrl-C, where there is no terminal) ends all of it.", flush=True)
    if sys.stdin.isatty():
        subprocess.run(cluster.network.inside(os.environ.get("SHELL", "/bin/bash")), env={
            **os.environ, "KUBECONFIG": str(kubeconfig), "PATH": f"{tools_dir}:{os.environ['PATH']}"})
    else:
        signal.pause()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shell", action="store_true", help="leave the cluster up for a person")
    parser.add_argument("--bare", action="store_true", help="with --shell: without oomtrail in it")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    if lacks := missing():
        print("cannot run: " + "; ".join(lacks))
        return CANNOT_RUN
    checks = Checks()
    try:
        with Cluster(LOGS) as cluster:
            print(f"cluster ready after {cluster.ready_after_s:.0f} s", flush=True)
            if options.shell:
                shell(cluster)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except tools.CannotRun as error:
        print(f"cannot run: {error}")
        return CANNOT_RUN
    except ClusterError as error:
        checks.failed += 1
        print(f"FAIL cluster: {error}")
    print(checks.summary())
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
