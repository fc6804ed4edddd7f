#!/usr/bin/python3
"""Holds a page of metrics against promtool, or against docs/metrics.md.

    metrics_page_test.py PROGRAM PromtoolTest|DocumentTest    on what print_sample_metrics prints
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

DOCUMENT = pathlib.Path(__file__).resolve().parents[3] / "docs/metrics.md"
PROMTOOL = shutil.which("promtool")


def page():
    done = subprocess.run([sys.argv[1]], stdout=subprocess.PIPE, check=True, timeout=60)
    return done.stdout.decode("utf-8")


def promtool(*arguments, text=""):
    return subprocess.run([PROMTOOL, *arguments], input=text, text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class PromtoolTest(unittest.TestCase):
    def test_it_finds_nothing_to_complain_of(self):
        done = promtool("check", "metrics", text=page())
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_it_would_complain(self):
        done = promtool("check", "metrics", text=page() + "# TYPE kills counter\nkills 1\n")
        self.assertNotEqual(done.returncode, 0)


class DocumentTest(unittest.TestCase):
    def setUp(self):
        self.page = page()
        self.document = DOCUMENT.read_text(encoding="utf-8")
        # name -> (type, labels) as a row of a table says: | `name{a,b}` | type | ... |
        self.rows = {name: (kind, set(filter(None, (labels or "").split(","))))
                     for name, labels, kind in
                     re.findall(r"^\| `(\w+)(?:\{([\w,]*)\})?` \| (\w+) \|", self.document, re.M)}

    def test_every_family_is_in_the_document_with_its_type_and_the_reverse(self):
        families = dict(re.findall(r"^# TYPE (\w+) (\w+)$", self.page, re.M))
        self.assertEqual({name: kind for name, (kind, _) in self.rows.items()}, families)

    def test_every_family_has_the_labels_that_the_document_says(self):
        seen = {}
        for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", self.page, re.M):
            name = re.sub(r"_(bucket|sum|count)$", "", name)
            names = set(re.findall(r'(?:^|,)(\w+)="', labels)) - {"le"}
            self.assertEqual(seen.setdefault(name, names), names, name)
        self.assertEqual({name: labels for name, (_, labels) in self.rows.items()}, seen)

    def test_every_metric_that_the_document_mentions_is_there(self):
        families = set(re.findall(r"^# TYPE (\w+)", self.page, re.M))
        for name in re.findall(r"\boomtrail_\w+", self.document):
            self.assertIn(re.sub(r"_(bucket|sum|count)$", "", name), families)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    if sys.argv[2] == "PromtoolTest" and PROMTOOL is None:
        print("metrics_page_test: no promtool; on Debian: apt-get install prometheus")
        sys.exit(1 if os.environ.get("CI") == "true" else 77)
    unittest.main(argv=[sys.argv[0], sys.argv[2]])
