"""Alerts that fire when they should, and a dashboard that asks for nothing that is not there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import yaml  # noqa: E402

import chart  # noqa: E402
from value_rows import RULES  # noqa: E402

# What is not ours: Prometheus' own.
OTHERS = {"up"}
METRIC = re.compile(r"\b(?:oomtrail|process)_[a-z_]+")


def rules(values: dict | None = None) -> dict:
    documents = chart.render(chart.merged(RULES, values or {}))
    return chart.find(documents, "PrometheusRule")["spec"]


def described_metrics() -> set[str]:
    """Those of docs/metrics.md; a test of the agent's own holds that against what it serves."""
    text = (chart.ROOT / "docs/metrics.md").read_text()
    names = set(METRIC.findall("\n".join(line for line in text.splitlines() if line.startswith("|"))))
    return names | {name + "_bucket" for name in names}


def promtool(*arguments: str) -> str:
    done = subprocess.run(["promtool", *arguments], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise AssertionError(done.stdout)
    return done.stdout


class Alerts(unittest.TestCase):
    def test_promtool_accepts_them_and_they_fire_as_they_should(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "rules.yaml").write_text(yaml.safe_dump(rules()))
            shutil.copy(Path(__file__).parent / "rules_test.yaml", folder)
            promtool("check", "rules", f"{folder}/rules.yaml")
            promtool("test", "rules", f"{folder}/rules_test.yaml")

    def test_each_is_tested(self) -> None:
        tests = yaml.safe_load((Path(__file__).parent / "rules_test.yaml").read_text())["tests"]
        fired = {one["alertname"] for test in tests for one in test["alert_rule_test"] if one["exp_alerts"]}
        self.assertEqual(fired, {rule["alert"] for rule in rules()["groups"][0]["rules"]})

    def test_each_has_a_runbook_in_the_documentation(self) -> None:
        headings = re.findall(r"^#+ (.*)$", (chart.ROOT / "docs/kubernetes.md").read_text(), re.MULTILINE)
        anchors = {heading.lower().replace(" ", "-") for heading in headings}
        for rule in rules()["groups"][0]["rules"]:
            self.assertIn(rule["annotations"]["runbook_url"].partition("#")[2], anchors)
            self.assertLess({"summary", "description"}, set(rule["annotations"]))

    def test_they_ask_for_metrics_that_there_are(self) -> None:
        for rule in rules()["groups"][0]["rules"]:
            self.assertLessEqual(set(METRIC.findall(rule["expr"])), described_metrics(), rule["alert"])

    def test_they_are_of_this_release_whatever_its_name(self) -> None:
        for rule in rules({"nameOverride": "trail"})["groups"][0]["rules"]:
            self.assertIn('job="trail"', rule["expr"])

    def test_all_of_them_can_be_disabled_by_name(self) -> None:
        schema = json.loads((chart.CHART / "values.schema.json").read_text())
        known = schema["properties"]["prometheusRule"]["properties"]["disabled"]["items"]["enum"]
        self.assertEqual(sorted(known), sorted(rule["alert"] for rule in rules()["groups"][0]["rules"]))


class Dashboard(unittest.TestCase):
    def setUp(self) -> None:
        self.board = json.loads((chart.CHART / "files/dashboard.json").read_text())

    def queries(self) -> list[str]:
        queries = [target["expr"] for panel in self.board["panels"] for target in panel["targets"]]
        return queries + [one["definition"] for one in self.board["templating"]["list"] if "definition" in one]

    def test_asks_for_metrics_that_there_are(self) -> None:
        asked = set()
        for query in self.queries():
            names = set(METRIC.findall(query)) | (OTHERS & set(re.findall(r"\b[a-z]+(?=\{)", query)))
            self.assertTrue(names, query)
            asked |= names
        self.assertLessEqual(asked - OTHERS, described_metrics())

    def test_its_queries_are_promql(self) -> None:
        plain = [re.sub(r"\$__(range|rate_interval)", "5m", query).replace("$job", "oomtrail") for query in self.queries()
                 if not query.startswith("label_values")]
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump({"groups": [{"name": "dashboard", "rules": [
                {"record": f"query_{number}", "expr": query} for number, query in enumerate(plain)]}]}, file)
            file.flush()
            promtool("check", "rules", file.name)

    def test_its_panels_do_not_overlap(self) -> None:
        taken: set[tuple[int, int]] = set()
        for panel in self.board["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertFalse(cells & taken, panel["title"])
            self.assertLessEqual(at["x"] + at["w"], 24)
            taken |= cells


if __name__ == "__main__":
    unittest.main()
