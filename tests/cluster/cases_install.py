"""The README's own commands, and what the chart promises of the pods it makes."""

from __future__ import annotations

import time

import agent
import plan
from checks import expect
from node_tools import NodeTools
from processes import ClusterError, CommandFailed, until
from stand import Stand


def install(stand: Stand) -> None:
    with stand.checks("helm install, as the README says, is ready on both nodes"):
        commands = agent.readme_commands("helm install")
        expect(len(commands) == 1, f"README.md has {len(commands)} helm install commands: {commands}")
        started = time.monotonic()
        stand.agent.sh(commands[0])
        stand.agent.wait_ready()
        stand.figures["install to ready on both nodes"] = f"{time.monotonic() - started:.0f} s"
    if stand.checks.failed:
        raise ClusterError(f"without agents there is nothing to try\n{_state(stand)}")
    with stand.checks("no container of it is privileged, and its root is read-only"):
        for node in plan.NODES:
            pod = stand.cluster.kubectl.json("get", "pod", "-n", agent.NAMESPACE, stand.agent.pod(node))
            for container in pod["spec"]["containers"] + pod["spec"].get("initContainers", []):
                security = container["securityContext"]
                expect(not security.get("privileged"), f"{container['name']} is privileged")
                expect(security["readOnlyRootFilesystem"], f"{container['name']}: its root can be written to")
                expect(security["capabilities"]["drop"] == ["ALL"], f"{container['name']}: {security['capabilities']}")


def _state(stand: Stand) -> str:
    """For who looks into it."""
    said = []
    for words in (("get", "pods", "-A", "-o", "wide"), ("get", "events", "-A", "--field-selector=type=Warning"),
                  ("logs", "-n", agent.NAMESPACE, "-l", "app.kubernetes.io/name=oomtrail", "--prefix", "--tail=20")):
        try:
            said.append(stand.cluster.kubectl(*words))
        except CommandFailed as error:
            said.append(str(error))
    return "\n".join(said)


def says_how(stand: Stand) -> None:
    for node in plan.NODES:
        with stand.checks(f"{node.name}: every hook by fentry, names from runtime and kubelet"):
            metrics = until("both name sources", lambda: _sources_up(stand, node), 60)
            methods = {each.labels["hook"]: each.labels["method"] for each in metrics
                       if each.name == "oomtrail_hook_info"}
            expect(methods and "none" not in methods.values(), f"hooks: {methods}")
            stand.figures[f"{node.name} hooks"] = ", ".join(f"{hook} by {method}" for hook, method in methods.items())


def _sources_up(stand: Stand, node: plan.Node) -> list[agent.Sample] | None:
    metrics = stand.agent.metrics(node)
    up = {each.labels["source"]: each.value for each in metrics if each.name == "oomtrail_name_source_up"}
    if up != {"cri": 1, "kubelet": 1}:
        raise ValueError(f"{up}")
    return metrics


def chart_test(stand: Stand) -> None:
    with stand.checks("helm test makes a kill and finds it"):
        stand.agent.sh(f"helm test oomtrail -n {agent.NAMESPACE}")
    with stand.checks("kubectl logs, as the README says, shows a line of the README's kind"):
        commands = agent.readme_commands("kubectl logs")
        expect(commands, "README.md has no kubectl logs command")
        shown = stand.agent.sh(commands[0])
        lines = [line for line in shown.splitlines() if " OOM-KILL " in line]
        expect(lines, f"no kill in what it shows:\n{shown[-1500:]}")
        quoted = next(line for line in (plan.REPOSITORY / "README.md").read_text().splitlines() if " OOM-KILL " in line)
        wanted = [word.partition("=")[0] for word in quoted.split() if "=" in word]
        missing = [word for word in wanted if word != "workload" and f" {word}=" not in lines[-1]]
        expect(not missing, f"the README's line has {missing}, this has not: {lines[-1]}")


def uninstall(stand: Stand) -> None:
    with stand.checks("helm uninstall leaves neither pins nor sockets, and the journal by choice"):
        stand.agent.sh(f"helm uninstall oomtrail -n {agent.NAMESPACE} --wait --timeout 3m")
        for node in plan.NODES:
            left = stand.tools.sh(node, "ls -d /sys/fs/bpf/oomtrail /run/oomtrail/*.sock 2>/dev/null || true").split()
            expect(not left, f"{node.name}: left behind: {left}")
            expect(_journal(stand.tools, node), f"{node.name}: the journal is gone")
        kinds = "clusterrole,clusterrolebinding"
        left = stand.cluster.kubectl("get", kinds, "-o", "name", "-l", "app.kubernetes.io/name=oomtrail").split()
        expect(not left, f"left behind: {left}")
        # helm waits for what it made, not for the pods of it, which are still ending.
        until("all of its objects are gone", lambda: _nothing_left(stand), 120)


def _nothing_left(stand: Stand) -> bool:
    left = stand.cluster.kubectl("get", "all,serviceaccount,configmap,secret", "-n", agent.NAMESPACE, "-o", "name",
                                 "-l", "app.kubernetes.io/name=oomtrail").split()
    if left:
        raise ValueError(f"left: {left}")
    return True


def _journal(tools: NodeTools, node: plan.Node) -> bool:
    return bool(tools.sh(node, "ls /var/lib/oomtrail 2>/dev/null || true").split())
