"""The cluster's own code, as far as it needs no cluster."""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import agent
import api_names
import checks
import subscribers
import workloads
from plan import NODES


def _pod(**status: object) -> dict:
    return {"metadata": {"uid": "u1", "name": "cart-1", "namespace": "shop"},
            "spec": {"nodeName": "node-a", "containers": [{"name": "api", "image": "i:1"}],
                     "initContainers": [{"name": "migrate", "image": "i:2"}]},
            "status": {"qosClass": "Burstable", **status}}


def _event(**container: object) -> dict:
    return {"node": "node-a", "pod": {"uid": "u1", "name": "cart-1", "namespace": "shop", "qos": "burstable"},
            "container": {"name": "api", "id": "aa", "image": "i:1", **container}}


class Names(unittest.TestCase):
    def differences(self, pod: dict, event: dict) -> list[str]:
        with tempfile.TemporaryDirectory() as scratch:
            out = Path(scratch, "pods.json")
            processes = mock.Mock()
            names = api_names.ApiNames(mock.Mock(), processes, out)
            # As kubectl writes it: one object after the other; the last is not whole yet.
            out.write_text(json.dumps({"type": "ADDED", "object": pod}, indent=1) + '\n{"type": "MOD')
            names.refresh()
            return names.differences(event)

    def statuses(self, **status: object) -> dict:
        return _pod(containerStatuses=[{"name": "api", **status}])

    def test_the_same(self) -> None:
        pod = self.statuses(containerID="containerd://aa", restartCount=2)
        self.assertEqual(self.differences(pod, _event(restart_count=2)), [])

    def test_the_container_before(self) -> None:
        pod = self.statuses(containerID="containerd://bb", restartCount=3,
                            lastState={"terminated": {"containerID": "containerd://aa"}})
        self.assertEqual(self.differences(pod, _event(restart_count=2)), [])
        self.assertIn("restart_count", self.differences(pod, _event(restart_count=3))[0])

    def test_each_wrong_name_is_told(self) -> None:
        pod = self.statuses(containerID="containerd://aa", restartCount=0)
        self.assertIn("container.id", self.differences(pod, _event(id="cc"))[0])
        self.assertIn("container.name", self.differences(pod, _event(name="other"))[0])
        self.assertIn("container.image", self.differences(pod, _event(image="i:3"))[0])
        for field, value in (("name", "x"), ("namespace", "x"), ("qos", "guaranteed"), ("uid", "u2")):
            event = _event()
            event["pod"][field] = value
            self.assertIn(f"pod.{field}", self.differences(pod, event)[0])

    def test_what_the_manifest_says_is_compared_where_the_event_has_it(self) -> None:
        pod = self.statuses(containerID="containerd://aa", restartCount=0)
        pod["spec"]["containers"][0]["resources"] = {"limits": {"memory": "32Mi"}}
        self.assertEqual(self.differences(pod, _event(kind="app", memory_limit_bytes=32 << 20)), [])
        self.assertIn("container.kind", self.differences(pod, _event(kind="init"))[0])
        self.assertIn("memory_limit", self.differences(pod, _event(memory_limit_bytes=1))[0])

    def test_a_static_pod_is_known_by_its_hash(self) -> None:
        pod = self.statuses(containerID="containerd://aa", restartCount=0)
        pod["metadata"]["annotations"] = {"kubernetes.io/config.hash": "0123"}
        event = _event()
        del event["pod"]["uid"]
        event["pod"]["config_hash"] = "0123"
        self.assertEqual(self.differences(pod, event), [])
        event["pod"]["config_hash"] = "4567"
        self.assertIn("pod.config_hash", self.differences(pod, event)[0])


class Texts(unittest.TestCase):
    def test_samples(self) -> None:
        text = ('# HELP a b\na_total{x="1",y="a\\"b"} 3\nb 1.5e+06\n'
                'container_oom_events_total{container=""} 0 1700000000000\n')
        first, second, third = agent.parse_metrics(text)
        self.assertEqual((first.name, first.labels, first.value), ("a_total", {"x": "1", "y": 'a\\"b'}, 3))
        self.assertEqual((second.labels, second.value), ({}, 1.5e6))
        self.assertEqual((third.labels, third.value), ({"container": ""}, 0))

    def test_latency_is_of_nanoseconds(self) -> None:
        seen = subscribers.Seen("2026-01-02T03:04:05.250000001Z", {"time": "2026-01-02T03:04:05Z"})
        self.assertAlmostEqual(seen.seconds_after_kernel, 0.25, places=6)


class Rows(unittest.TestCase):
    def test_every_row_makes_what_it_expects(self) -> None:
        for node in NODES:
            for row in workloads.WORKLOADS:
                made = row.objects(node)
                self.assertTrue(row.kills(node), row.name)
                for wanted in row.kills(node):
                    self.assertIn(f'"name": "{wanted.container}"', json.dumps(made), row.name)
                    self.assertEqual(made[-1]["metadata"]["namespace"], wanted.namespace, row.name)


class Counting(unittest.TestCase):
    def test_a_failure_ends_no_other(self) -> None:
        with mock.patch("builtins.print"):
            tried = checks.Checks()
            with tried("one"):
                checks.expect(False, "no")
            with tried("two"):
                checks.expect(True, "yes")
        self.assertEqual(tried.summary(), "1 passed, 1 failed")


if __name__ == "__main__":
    unittest.main()
