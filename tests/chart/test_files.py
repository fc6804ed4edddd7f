"""What stands beside the templates agrees with them, and helm finds nothing to say."""

from __future__ import annotations

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
import schemas  # noqa: E402


class Files(unittest.TestCase):
    def test_helm_lint_is_content(self) -> None:
        for values in [None, *sorted((chart.CHART / "ci").glob("*-values.yaml"))]:
            chosen = ["--values", str(values)] if values else []
            chart.helm("lint", "--strict", "--kube-version", chart.KUBERNETES, str(chart.CHART), *chosen)

    def test_chart_image_and_program_have_one_version(self) -> None:
        program = re.search(r"^project\(oomtrail VERSION ([0-9.]+)", (chart.ROOT / "CMakeLists.txt").read_text(), re.M)[1]
        about = yaml.safe_load((chart.CHART / "Chart.yaml").read_text())
        self.assertEqual((about["version"], about["appVersion"]), (program, program))
        image = yaml.safe_load(about["annotations"]["artifacthub.io/images"])[0]["image"]
        self.assertEqual(image, f"{chart.default_values()['image']['repository']}:{program}")

    def test_the_table_of_the_readme_is_that_of_the_values(self) -> None:
        subprocess.run([sys.executable, chart.ROOT / "scripts/chart_readme.py", "--check"], check=True)

    def test_the_package_holds_what_the_chart_needs_and_no_more(self) -> None:
        ignored = (chart.CHART / ".helmignore").read_text().splitlines()
        self.assertIn("ci/", ignored)
        self.assertFalse({"files/", "*.json", "*.yaml"} & set(ignored))

    def test_the_manifests_are_what_kubernetes_accepts(self) -> None:
        for file in ("oomtrail.yaml", "cleanup.yaml"):
            documents = [one for one in yaml.safe_load_all((chart.ROOT / "manifests" / file).read_text()) if one]
            self.assertEqual([line for one in documents for line in schemas.complaints(one)], [])
            self.assertFalse([one for one in documents if "helm" in str(one["metadata"]).lower()])

    def test_the_notes_name_commands_of_this_release_and_warn_of_what_is_open(self) -> None:
        notes = self.notes({})
        self.assertIn("kubectl -n here rollout status daemonset/mine-oomtrail", notes)
        self.assertNotIn("privileged", notes)
        warned = self.notes({"privileged": True, "kubelet": {"insecure": True}, "grpc": {"insecure": True}})
        for word in ("privileged", "kubelet.insecure", "grpc.insecure"):
            self.assertIn(word, warned)

    def notes(self, values: dict) -> str:
        """`helm template` leaves NOTES.txt out, and what else renders it asks for a cluster."""
        with tempfile.TemporaryDirectory() as folder:
            copy = shutil.copytree(chart.CHART, Path(folder) / "oomtrail")
            notes = copy / "templates/NOTES.txt"
            lines = notes.read_text().splitlines()
            (copy / "templates/notes.yaml").write_text("notes: |\n" + "".join(f"  {line}\n" for line in lines))
            notes.unlink()
            (copy / "chosen.yaml").write_text(yaml.safe_dump(values))
            rendered = chart.helm("template", "mine", str(copy), "--namespace", "here", "--kube-version",
                                  chart.KUBERNETES, "--values", str(copy / "chosen.yaml"),
                                  "--show-only", "templates/notes.yaml")
            return yaml.safe_load(rendered)["notes"]


if __name__ == "__main__":
    unittest.main()
