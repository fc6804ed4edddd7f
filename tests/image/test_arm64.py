"""The arm64 image's program on a real arm64 kernel: a kill, compared with what the kernel says of it.

  python3 test_arm64.py build/image/oomtrail-arm64.oci.tar

Debian's kernel 6.1 under QEMU; the program is taken out of the image.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "vm"))

import oci  # noqa: E402
import vm  # noqa: E402

POD = "5f0c7f0e-3f3e-4c55-9d0a-8f2a4b6c8d01"
CONTAINER = "9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d"
CGROUP = f"kubepods/burstable/pod{POD}/{CONTAINER}"
KIB = 1024


def kernel_kill(log: str, pid: int) -> dict[str, str]:
    """What the kernel's two lines about this victim say, by its own words."""
    said: dict[str, str] = {}
    for line in log.splitlines():
        if re.search(rf"oom-kill:.*\bpid={pid},", line):
            said.update(re.findall(r"([a-z_]+)=([^,]*)", line.partition("oom-kill:")[2]))
        elif found := re.search(rf"Killed process {pid} \((.*?)\) (.*)", line):
            said["comm"] = found[1]
            said.update(re.findall(r"([a-z_-]+):(-?\d+)", found[2]))
    return said


class Arm64Test(unittest.TestCase):
    image: oci.Image
    left: dict[str, str]
    event: dict[str, Any]
    kernel: dict[str, str]

    @classmethod
    def setUpClass(cls) -> None:
        with tempfile.TemporaryDirectory(prefix="oomtrail-arm64-") as scratch:
            program = Path(scratch, "oomtrail")
            program.write_bytes(cls.image.contents["oomtrail"])
            program.chmod(0o755)
            run = vm.boot(f"sh /kill.sh {CGROUP}", kernel="6.1", arch="arm64", timeout_s=240,
                          files=[(program, "/bin/oomtrail"), (HERE / "kill.sh", "/kill.sh")])
        cls.left = {name: content.decode() for name, content in run.files.items()}
        said = "\n".join(f"--- {name}\n{text}" for name, text in sorted(cls.left.items()))
        if run.status != 0 or not cls.left.get("event"):
            raise AssertionError(f"the guest ended with {run.status}:\n{run.output}\n{said}")
        print(f"\narm64: up in {run.boot_seconds:.1f} s, off after {run.seconds:.1f} s")
        cls.event = json.loads(cls.left["event"])
        cls.pid, cls.status = map(int, cls.left["victim"].split())
        cls.kernel = kernel_kill(run.dmesg, cls.pid)

    def test_the_image_says_what_it_is(self) -> None:
        self.assertEqual((self.image.config["os"], self.image.config["architecture"]), ("linux", "arm64"))

    def test_doctor_finds_the_best_method_there_is(self) -> None:
        # No direct calls on this kernel, so no fentry: kprobes are the best.
        self.assertRegex(self.left["doctor"], r"(?m)victim by kprobe +works +<- used$")
        self.assertRegex(self.left["doctor"], r"(?m)context by kprobe +works +<- used$")
        self.assertIn("verdict: OOM kills on this node can be seen and attributed", self.left["doctor"])

    def test_demo(self) -> None:
        event = json.loads(self.left["demo"])
        self.assertEqual((event["kind"], event["victim"]["comm"], event["scope"]),
                         ("oom_kill", "memory-hog", "container"))

    def test_the_victim_is_the_kernels(self) -> None:
        victim = self.event["victim"]
        self.assertEqual(self.status, 128 + 9)
        self.assertEqual((victim["pid"], victim["comm"]), (self.pid, self.kernel["comm"]))
        self.assertEqual((victim["uid"], victim["oom_score_adj"]),
                         (int(self.kernel["uid"]), int(self.kernel["oom_score_adj"])))

    def test_its_memory_is_the_kernels(self) -> None:
        victim = self.event["victim"]
        for ours, theirs in (("total_vm_bytes", "total-vm"), ("anon_rss_bytes", "anon-rss"),
                             ("file_rss_bytes", "file-rss"), ("shmem_rss_bytes", "shmem-rss"),
                             ("page_table_bytes", "pgtables")):
            with self.subTest(ours):
                self.assertEqual(victim[ours], int(self.kernel[theirs]) * KIB)

    def test_the_limit_is_the_kernels(self) -> None:
        self.assertEqual((self.event["scope"], self.event["scope_inferred"]), ("container", False))
        self.assertEqual(self.event["cgroup"]["path"], self.kernel["task_memcg"])
        self.assertEqual(self.event["limit"]["path"], self.kernel["oom_memcg"])
        self.assertEqual(self.event["limit"]["bytes"], int(self.left["memory.max"]))
        self.assertLessEqual(self.event["limit"]["usage_bytes"], self.event["limit"]["bytes"])
        self.assertGreater(self.event["limit"]["usage_bytes"], self.event["limit"]["bytes"] * 9 // 10)
        self.assertEqual(self.event["oom"]["constraint"], "memcg")
        self.assertEqual(self.kernel["constraint"], "CONSTRAINT_MEMCG")

    def test_pod_and_container(self) -> None:
        self.assertEqual((self.event["pod"]["uid"], self.event["pod"]["qos"]), (POD, "burstable"))
        self.assertEqual(self.event["container"]["id"], CONTAINER)

    def test_who_and_how(self) -> None:
        self.assertEqual(self.event["trigger"]["pid"], self.pid)
        self.assertEqual(self.event["hook"], {"name": "__oom_kill_process", "method": "kprobe"})

    def test_as_many_as_the_kernel_counted(self) -> None:
        counted = dict(line.split() for line in self.left["memory.events"].splitlines())
        more = [json.loads(line) for line in self.left["more"].splitlines()]
        kills = [event for event in (self.event, *more) if event["kind"] == "oom_kill" and event["revision"] == 0]
        self.assertEqual(len(kills), int(counted["oom_kill"]))
        self.assertEqual(self.left["agent.status"].strip(), "0")


if __name__ == "__main__":
    Arm64Test.image = oci.read(Path(sys.argv.pop(1)))
    unittest.main()
