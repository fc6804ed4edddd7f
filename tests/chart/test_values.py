"""Every value does something, is documented, and cannot be misspelt."""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import chart  # noqa: E402
from value_rows import ROWS  # noqa: E402


class EveryValue(unittest.TestCase):
    def test_has_a_comment(self) -> None:
        self.assertEqual([value.path for value in chart.documented_values() if not value.comment], [])

    def test_has_a_row_here(self) -> None:
        self.assertEqual(sorted(value.path for value in chart.documented_values()),
                         sorted(row.path for row in ROWS))

    def test_does_what_it_says(self) -> None:
        for row in ROWS:
            with self.subTest(row.path):
                given = row.given or {}
                before = chart.render_text(given)
                after = chart.render_text(chart.merged(given, chart.nested(row.path, row.value)))
                if row.there is not None:
                    self.assertFalse(row.there in before, f"{row.there} is there without it")
                    self.assertTrue(row.there in after, f"{row.there} is not there")
                if row.gone is not None:
                    self.assertTrue(row.gone in before, f"{row.gone} is not there without it")
                    self.assertFalse(row.gone in after, f"{row.gone} is still there")


class Schema(unittest.TestCase):
    def setUp(self) -> None:
        self.schema = json.loads((chart.CHART / "values.schema.json").read_text())

    def test_names_the_values_that_there_are(self) -> None:
        def check(schema: dict, values: dict, path: str) -> None:
            named = set(schema["properties"]) - {"global"} if not path else set(schema["properties"])
            self.assertLessEqual(set(values), named, path)
            for key in named:
                inner = schema["properties"][key]
                if "properties" in inner and isinstance(values.get(key), dict):
                    check(inner, values[key], f"{path}{key}.")
            if path == "":
                self.assertEqual(set(values), named)
        check(self.schema, chart.default_values(), "")

    def test_every_object_with_names_allows_no_others(self) -> None:
        def check(schema: object, path: str) -> None:
            if isinstance(schema, list):
                for part in schema:
                    check(part, path)
            if not isinstance(schema, dict):
                return
            if "properties" in schema:
                self.assertIs(schema.get("additionalProperties"), False, path)
            for key, part in schema.items():
                check(part, f"{path}/{key}")
        check(self.schema, "")

    def test_a_typo_is_refused_at_every_level(self) -> None:
        groups = {""} | {value.path.rpartition(".")[0] for value in chart.documented_values()}
        for group in sorted(groups):
            with self.subTest(group or "the top"):
                path = f"{group}.tpyo" if group else "tpyo"
                with self.assertRaisesRegex(chart.HelmError, "tpyo"):
                    chart.render_text(chart.nested(path, 1))

    def test_a_value_of_the_wrong_kind_is_refused(self) -> None:
        for row in ROWS:
            with self.subTest(row.path), self.assertRaises(chart.HelmError):
                wrong = "yes" if isinstance(row.value, (bool, int, list, dict)) else 7
                chart.render_text(chart.nested(row.path, wrong))

    def test_what_the_agent_would_refuse_is_refused_here(self) -> None:
        for path, value in [("httpPort", 0), ("httpPort", 65536), ("hookMethod", "guess"),
                            ("logFormat", "xml"), ("journal.maxMiB", 0), ("maxSubscribers", 10001),
                            ("cri.endpoint", "tcp://x"), ("kubelet.url", "node:10250"),
                            ("grpc.tls.allow", ["*.shop"]), ("image.digest", "sha256:abc"),
                            ("updateStrategy.rollingUpdate.maxUnavailable", "0%"),
                            ("warn.seconds", -1), ("warn.percent", 101), ("track.mode", "on"),
                            ("track.rate", "1/0"), ("track.rate", "fast"), ("track.budget", 0),
                            ("extraArgs", ["agent"]), ("prometheusRule.disabled", ["NoSuchAlert"])]:
            with self.subTest(path), self.assertRaises(chart.HelmError):
                chart.render_text(chart.nested(path, value))


if __name__ == "__main__":
    unittest.main()
