#!/usr/bin/env python3
"""Debian's bpftrace with its own oomkill.bt beside the agent: the same kills, one emulated node.

Both run in one guest (tests/vm), so their figures may be compared with each
other, and with nothing else: emulation is slow. bpftrace does not say when a
kill happened; the agent's record of the same victim does.

Prints tab-separated rows for bench.sh. Fails where the agent missed a kill.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "vm"))

import vm  # noqa: E402
from apt_sources import FetchError  # noqa: E402
from initramfs import InitramfsError  # noqa: E402

BPFTRACE = Path("/usr/bin/bpftrace")
SCRIPT = Path("/usr/sbin/oomkill.bt")

# One tool after the other starts alone, so that neither pays for the other's start.
GUEST = r"""
now() { awk '{ print $1 * 1000 }' /proc/uptime; }
# wait_for PATTERN FILE PID: its line; fails where the process ends first.
wait_for() {
    until grep -q "$1" "$2"; do
        kill -0 "$3" 2>/dev/null || { cat "$2"; return 1; }
        usleep 20000
    done
}
rss() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$1/status"; }
anon() { sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$1/status"; }

mkfifo /tmp/agent /tmp/agent-log /tmp/bpftrace
: >/out/agent; : >/out/agent-log; : >/out/bpftrace
line_clock </tmp/agent >/out/agent &
line_clock </tmp/agent-log >/out/agent-log &
line_clock </tmp/bpftrace >/out/bpftrace &

echo "agent_start_ms $(now)"
oomtrail agent --log-format json --cri-endpoint none --pin none --journal none --listen none >/tmp/agent 2>/tmp/agent-log &
agent=$!
wait_for 'armed in' /out/agent-log $agent || exit 1

echo "bpftrace_start_ms $(now)"
bpftrace -B line /oomkill.bt >/tmp/bpftrace 2>&1 &
bpftrace=$!
wait_for 'Tracing' /out/bpftrace $bpftrace || exit 1

kills=0
while [ $kills -lt @KILLS@ ]; do
    kills=$((kills + 1))
    group=/sys/fs/cgroup/bench-$kills
    mkdir $group
    echo 8388608 >$group/memory.max
    sh -c "echo \$\$ >$group/cgroup.procs; exec tail /dev/zero" &
    echo "victim $!"
    wait $! 2>/dev/null
done
# A kill that comes out of the pipe late is late, not lost.
tries=0
while [ $tries -lt 100 ] && { [ "$(grep -c '"kind":"oom_kill"' /out/agent)" -lt $kills ] ||
    [ "$(grep -c 'OOM kill of' /out/bpftrace)" -lt $kills ]; }; do
    tries=$((tries + 1))
    usleep 50000
done
echo "rss $(rss $agent) $(rss $bpftrace)"
echo "anon $(anon $agent) $(anon $bpftrace)"
kill $agent $bpftrace
"""


@dataclass
class Tool:
    """What one of the two did."""

    ready_s: float = 0
    resident_mib: float = 0
    anonymous_mib: float = 0
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def latency_ms(self) -> float:
        return statistics.median(self.latencies_ms) if self.latencies_ms else 0


def stamped(raw: bytes) -> list[tuple[float, str]]:
    """The lines of line_clock, each with its time in milliseconds."""
    lines = []
    for line in raw.decode(errors="replace").splitlines():
        stamp, _, text = line.partition(" ")
        if stamp.isdigit():
            lines.append((int(stamp) / 1e6, text))
    return lines


def numbers(output: str, name: str) -> list[float]:
    found = re.search(rf"^{name} (.+)$", output, re.M)
    if found is None:
        raise vm.VmError(f"the guest did not say its {name}", output.splitlines())
    return [float(word) for word in found[1].split()]


def ready_s(lines: list[tuple[float, str]], pattern: str, started_ms: float) -> float:
    return next((at - started_ms) / 1000 for at, text in lines if pattern in text)


def judge(run: vm.Run) -> tuple[Tool, Tool, set[int]]:
    """The agent, bpftrace, and the pids that died."""
    agent, peer = Tool(), Tool()
    victims = {int(pid) for pid in re.findall(r"^victim (\d+)$", run.output, re.M)}
    agent.ready_s = ready_s(stamped(run.files["agent-log"]), "armed in",
                            numbers(run.output, "agent_start_ms")[0])
    told = stamped(run.files["bpftrace"])
    peer.ready_s = ready_s(told, "Tracing", numbers(run.output, "bpftrace_start_ms")[0])
    (agent.resident_mib, peer.resident_mib), (agent.anonymous_mib, peer.anonymous_mib) = (
        [kib / 1024 for kib in numbers(run.output, name)] for name in ("rss", "anon"))

    killed_ms: dict[int, float] = {}
    for at, text in stamped(run.files["agent"]):
        event = json.loads(text)
        pid = event.get("victim", {}).get("pid")
        if event["kind"] == "oom_kill" and pid in victims and pid not in killed_ms:
            killed_ms[pid] = event["boot_time_ns"] / 1e6
            agent.latencies_ms.append(at - killed_ms[pid])
    for at, text in told:
        found = re.search(r"OOM kill of PID (\d+)", text)
        if found and int(found[1]) in killed_ms:
            peer.latencies_ms.append(at - killed_ms[int(found[1])])
    return agent, peer, victims


def rows(agent: Tool, peer: Tool, victims: set[int]) -> list[tuple[str, str, str]]:
    def both(what: str, show: str, ours: object, theirs: object) -> tuple[str, str, str]:
        return what, show.format(ours), "bpftrace oomkill.bt " + show.format(theirs)

    return [
        both("emulated 6.1 node: start to ready", "{:.2f} s", agent.ready_s, peer.ready_s),
        both("emulated 6.1 node: resident memory", "{:.1f} MiB", agent.resident_mib, peer.resident_mib),
        both("emulated 6.1 node: anonymous memory", "{:.1f} MiB", agent.anonymous_mib, peer.anonymous_mib),
        both(f"emulated 6.1 node: kills seen of {len(victims)}", "{}", len(agent.latencies_ms),
             len(peer.latencies_ms)),
        both("emulated 6.1 node: kernel to line read, p50", "{:.1f} ms", agent.latency_ms, peer.latency_ms),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agent", required=True, type=Path)
    parser.add_argument("--line-clock", required=True, type=Path)
    parser.add_argument("--kernel", default="6.1")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep what the two said")
    options = parser.parse_args()
    files = [(options.agent, "/bin/oomtrail"), (options.line_clock, "/bin/line_clock"),
             (BPFTRACE, "/usr/bin/bpftrace"), (SCRIPT, "/oomkill.bt")]
    try:
        run = vm.boot(GUEST.replace("@KILLS@", str(options.kills)), kernel=options.kernel, files=files,
                      memory_mib=1536, timeout_s=300, out=options.out)
        if run.status != 0:
            raise vm.VmError(f"status {run.status}", run.output.splitlines())
        agent, peer, victims = judge(run)
    except (vm.VmError, InitramfsError, FetchError) as error:
        print(f"bpftrace_vm: {error}", file=sys.stderr)
        return 1
    for what, ours, theirs in rows(agent, peer, victims):
        print(what, ours, "", theirs, "", sep="\t")
    return 0 if len(agent.latencies_ms) == options.kills else 1


if __name__ == "__main__":
    sys.exit(main())
