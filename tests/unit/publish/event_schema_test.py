#!/usr/bin/python3
"""Holds docs/events.schema.json, docs/events.md and the agent's output together.

    event_schema_test.py FILE              validate the JSON lines of FILE (- for stdin)
    event_schema_test.py --samples PROGRAM the tests below, on what print_sample_events prints
"""

import argparse
import copy
import json
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

try:
    import jsonschema
except ImportError:
    sys.exit("event_schema_test: no module jsonschema for " + sys.executable +
             "; on Debian: apt-get install python3-jsonschema, and run it with /usr/bin/python3")

SOURCE = pathlib.Path(__file__).resolve().parents[3]
SCHEMA = json.loads((SOURCE / "docs/events.schema.json").read_text(encoding="utf-8"))
DOCUMENT = (SOURCE / "docs/events.md").read_text(encoding="utf-8")
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

# The names that the design binds. An object ends in {}, a map of a pod's own names in {*}.
BOUND = """
schema id revision time boot_time_ns node incident_id cursor kind
victim{} victim.pid victim.tid victim.comm victim.uid victim.oom_score_adj victim.start_time
victim.anon_rss_bytes victim.file_rss_bytes victim.shmem_rss_bytes victim.page_table_bytes
victim.total_vm_bytes
trigger{} trigger.pid trigger.comm trigger.cgroup_path
cgroup{} cgroup.id cgroup.path cgroup.version
scope scope_inferred
limit{} limit.path limit.bytes limit.usage_bytes
oom{} oom.constraint oom.order oom.gfp oom.total_pages oom.group_kill
attribution{} attribution.status attribution.sources attribution.missing attribution.reason
pod{} pod.namespace pod.name pod.uid pod.qos pod.labels{*}
pod.workload{} pod.workload.kind pod.workload.name pod.workload.inferred
container{} container.name container.id container.image container.restart_count container.runtime
hook{} hook.name hook.method
""".split()
ADDED = """
cgroup.unit lost{} lost.stage lost.count suppressed
pod.annotations{*} pod.config_hash pod.host_network pod.memory_limit_bytes pod.memory_request_bytes
container.kind container.memory_limit_bytes container.memory_request_bytes
warning{} warning.reason warning.confidence warning.growth_bytes_per_second
warning.seconds_to_limit warning.working_set_bytes warning.stalled_share warning.outcome
warning.outcome_seconds
warned{} warned.warned warned.id warned.seconds_before
""".split()
# Maps whose names are the pod's own.
MAPS = {"pod.labels", "pod.annotations"}

# The words: those that the design binds, and the model's own (agent/model/names.cc).
WORDS = {
    "kind": "oom_kill oom_without_kill early_warning sigkill missed lost",
    "scope": "container pod ancestor node cpuset mempolicy manual host",
    "attribution.status": "full partial host unknown",
    "oom.constraint": "none cpuset mempolicy memcg",
    "pod.qos": "guaranteed burstable besteffort",
    "container.kind": "app init sidecar ephemeral",
    "container.runtime": "containerd cri-o docker podman",
    "hook.method": "fentry kprobe tp_btf tracepoint kmsg",
    "warning.reason": "growth level pressure",
    "warning.outcome": "killed receded expired",
}
KINDS_NOT_EMITTED_YET = {"sigkill", "missed"}


def properties(schema, prefix=""):
    """Every property as (dotted name, its schema)."""
    for name, inner in schema.get("properties", {}).items():
        yield prefix + name, inner
        yield from properties(inner, prefix + name + ".")


def fields(event, path=()):
    """Every field of an event as the path of its keys."""
    for key, value in event.items():
        yield path + (key,)
        if isinstance(value, dict):
            yield from fields(value, path + (key,))


def dotted(path):
    return ".".join(path)


def holder(event, path):
    """The object that the field at the end of the path is in."""
    for key in path[:-1]:
        event = event[key]
    return event


def complaint(event):
    error = jsonschema.exceptions.best_match(VALIDATOR.iter_errors(event))
    return None if error is None else f"{error.json_path}: {error.message}"


def blocks(language):
    """The fenced blocks of docs/events.md in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


class SchemaTest(unittest.TestCase):
    def test_it_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_it_has_the_names_that_the_design_binds_and_no_others_but_ours(self):
        def shown(name, inner):
            if "properties" in inner:
                return name + "{}"
            return name + "{*}" if inner.get("type") == "object" else name

        names = [shown(name, inner) for name, inner in properties(SCHEMA)]
        self.assertEqual(sorted(names), sorted(BOUND + ADDED))

    def test_it_has_the_words_that_the_design_binds(self):
        found = {name: inner["enum"] for name, inner in properties(SCHEMA)
                 if "enum" in inner and name != "cgroup.version"}
        self.assertEqual(found, {name: words.split() for name, words in WORDS.items()})

    def test_every_field_is_described_and_says_when_it_is_absent(self):
        for name, inner in properties(SCHEMA):
            self.assertRegex(inner.get("description", ""),
                             r"(?i)always there|absent|there exactly|not emitted yet", name)

    def test_bytes_are_said_to_be_bytes(self):
        for name, inner in properties(SCHEMA):
            if name.endswith("bytes"):
                self.assertIn("in bytes", inner["description"], name)
                self.assertEqual(inner["$ref"], "#/$defs/uint64", name)

    def test_every_object_is_closed(self):
        objects = [("", SCHEMA)] + [(name, inner) for name, inner in properties(SCHEMA)
                                    if inner.get("type") == "object" and name not in MAPS]
        self.assertGreater(len(objects), 10)
        for name, inner in objects:
            self.assertIs(inner.get("additionalProperties"), False, name)


class OutputTest(unittest.TestCase):
    program = ""

    def setUp(self):
        self.lines = self.print_samples()
        self.samples = [json.loads(line) for line in self.lines]

    def print_samples(self, *arguments):
        run = subprocess.run([self.program, *arguments], check=True, capture_output=True)
        return run.stdout.decode("utf-8").splitlines()

    def sample(self, **wanted):
        return copy.deepcopy(next(event for event in self.samples if wanted.items() <= event.items()))

    def assert_refused(self, event, why):
        self.assertFalse(VALIDATOR.is_valid(event), f"{why} is let through: {json.dumps(event)}")

    def test_every_sample_is_valid(self):
        self.assertGreater(len(self.samples), 11)
        for line, event in zip(self.lines, self.samples):
            self.assertIsNone(complaint(event), line)

    def test_the_samples_show_every_field_and_every_word(self):
        seen = {dotted(path) for event in self.samples for path in fields(event)}
        self.assertEqual({name for name, _ in properties(SCHEMA)} - seen, set())
        for name, words in WORDS.items():
            path = name.split(".")
            shown = {holder(event, path)[path[-1]] for event in self.samples
                     if path in [list(field) for field in fields(event)]}
            missing = set(words.split()) - shown
            self.assertEqual(missing, KINDS_NOT_EMITTED_YET if name == "kind" else set(), name)

    def test_a_misspelt_field_is_refused(self):
        for event in self.samples:
            for path in fields(event):
                if len(path) == 3 and dotted(path[:2]) in MAPS:
                    continue  # the pod's own names
                wrong = copy.deepcopy(event)
                inner = holder(wrong, path)
                inner[path[-1] + "x"] = inner.pop(path[-1])
                self.assert_refused(wrong, dotted(path) + "x")

    def test_a_value_of_another_type_is_refused(self):
        for event in self.samples:
            for path in fields(event):
                for value in (None, "", [], {}, 1.5, -2000, "1", "ABC\n", [1], {"a": 1}):
                    wrong = copy.deepcopy(event)
                    inner = holder(wrong, path)
                    if allowed(path, inner[path[-1]], value):
                        continue
                    inner[path[-1]] = value
                    self.assert_refused(wrong, f"{dotted(path)} = {value!r}")

    def test_a_field_that_is_always_there_is_missed(self):
        always = {
            "oom_kill": "schema id revision time boot_time_ns kind incident_id victim attribution "
                        "hook victim.pid attribution.status attribution.sources "
                        "attribution.missing hook.name hook.method scope scope_inferred pod "
                        "container pod.namespace container.name pod.workload.inferred",
            "oom_without_kill": "incident_id trigger trigger.pid oom attribution hook",
            "lost": "schema id revision time boot_time_ns kind lost lost.stage lost.count",
            "early_warning": "cgroup scope limit attribution warning warning.reason "
                             "warning.confidence warning.growth_bytes_per_second "
                             "warning.working_set_bytes",
        }
        for kind, names in always.items():
            for name in names.split():
                wrong = self.sample(kind=kind)
                del holder(wrong, name.split("."))[name.split(".")[-1]]
                self.assert_refused(wrong, f"{kind} without {name}")

    def test_fields_of_another_kind_are_refused(self):
        kill, lost = self.sample(kind="oom_kill"), self.sample(kind="lost")
        no_kill = self.sample(kind="oom_without_kill")
        self.assert_refused({**kill, "lost": lost["lost"]}, "a kill with a loss")
        self.assert_refused({**kill, "suppressed": 1}, "a kill with a count of like ones")
        self.assert_refused({**no_kill, "victim": kill["victim"]}, "no kill with a victim")
        for name in set(kill) - set(lost) - {"cursor"}:
            self.assert_refused({**lost, name: kill[name]}, "a loss with " + name)
        self.assert_refused({**lost, "revision": 1}, "an amended loss")
        warning = self.sample(kind="early_warning")
        for name in ("incident_id", "victim", "trigger", "oom", "hook"):
            self.assert_refused({**warning, name: kill[name]}, "a warning with " + name)
        self.assert_refused({**warning, "warned": {"warned": False}}, "a warning that was warned of")
        self.assert_refused({**kill, "warning": warning["warning"]}, "a kill with a warning")

    def test_damaged_values_are_refused(self):
        damages = {
            "time": ["2026-11-21T05:41:07Z", "2026-11-21T05:41:07.123Z",
                     "2026-11-21T05:41:07.123456789+01:00", "2026-13-21T05:41:07.123456789Z"],
            "kind": ["OOM_KILL", "kill"],
            "scope": ["Container", "cgroup"],
            "id": ["a b", "a/b"],
            "victim.pid": [0, 1 << 23],
            "victim.comm": ["a\nb", "\x1b[31m", "\u202egpj", "\u2028"],
            "victim.uid": [1 << 32],
            "limit.bytes": [1 << 64],
            "container.id": ["5D0E" * 16, "5d0e" * 15, "5d0e" * 17],
            "cgroup.path": ["system.slice"],
            "cgroup.version": [0, 3],
            "attribution.sources": [["dns"]],
            "attribution.missing": [["Pod Name"]],
            "pod.labels": [{"a\n": "b"}, {"a": "b\n"}],
            "pod.annotations": [{"a\n": "b"}, {"a": "b\n"}],
            "pod.config_hash": ["", "5D0E" * 8, "5d0e" * 7],
            "container.kind": ["App", "restartable"],
        }
        for name, values in damages.items():
            for value in values:
                wrong = self.sample(kind="oom_kill")
                path = name.split(".")
                holder(wrong, path)[path[-1]] = value
                self.assert_refused(wrong, f"{name} = {value!r}")

    def test_a_cursor_may_be_there(self):
        self.assertIsNone(complaint({**self.sample(kind="oom_kill"), "cursor": "worker-3/1/42"}))

    def test_the_document_shows_real_events(self):
        shown = [json.loads(block) for block in blocks("json")]
        self.assertGreaterEqual(len(shown), 2)
        for event in shown:
            self.assertIsNone(complaint(event))
            self.assertIn(event, self.samples)
        text = self.print_samples("--text")
        lines = [line for block in blocks("text") for line in block.splitlines()]
        self.assertGreaterEqual(len(lines), 3)
        for line in lines:
            self.assertIn(line, text)

    def test_the_document_names_every_field_and_word(self):
        named = set(re.findall(r"`([^`\n]+)`", DOCUMENT))
        for name, _ in properties(SCHEMA):
            self.assertTrue({name, name.split(".")[-1]} & named, name)
        for name in ("kind", "scope", "attribution.status", "hook.method", "warning.reason",
                     "warning.outcome"):
            self.assertLessEqual(set(WORDS[name].split()), named, name)

    @unittest.skipUnless(shutil.which("jq"), "no jq")
    def test_the_document_s_filters_run(self):
        own = '{"time":"2026-11-21T05:41:07.123Z","level":"info","msg":"hooks armed"}\n'
        events = own + "".join(line + "\n" for line in self.lines)
        commands = re.findall(r"\| jq ([^'|\n]*)'([^']*)'", "".join(blocks("sh")))
        self.assertGreaterEqual(len(commands), 5)
        for options, program in commands:
            run = subprocess.run(["jq", *options.split(), program], input=events, text=True,
                                 capture_output=True)
            self.assertEqual(run.returncode, 0, f"jq {program}: {run.stderr}")
            self.assertNotEqual(run.stdout, "", f"jq {program} finds nothing in the samples")
            self.assertNotIn("hooks armed", run.stdout)

    def test_the_document_s_code_undoes_the_escapes(self):
        names = {"re": re}
        exec(blocks("python")[0], names)  # pylint: disable=exec-used
        hostile = self.samples[-1]["victim"]["comm"]
        self.assertEqual(names["unescape"](hostile), b'a\nOOM-KILL x\x1b[2J"\\\xff')
        self.assertEqual(names["unescape"](r"dev\x2ddisk \x5cx1b"), rb"dev\x2ddisk \x1b")


def allowed(path, value, other):
    """Whether the schema has no reason to refuse `other` in the place of `value`."""
    if isinstance(value, str) and value and other == "1":
        return True
    if path[-1] == "growth_bytes_per_second":
        return other == -2000
    if path[0] in ("warning", "warned") and "seconds" in path[-1]:
        return other == 1.5
    if len(path) == 3 and dotted(path[:2]) in MAPS:
        return other in ("", "1")
    return isinstance(value, list) and other == []


def validate(source):
    failures = 0
    for number, line in enumerate(source, start=1):
        try:
            wrong = complaint(json.loads(line))
        except ValueError as error:
            wrong = str(error)
        if wrong is not None:
            print(f"line {number}: {wrong}\n  {line.rstrip()}", file=sys.stderr)
            failures += 1
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("file", nargs="?", default="-")
    parser.add_argument("--samples", metavar="PROGRAM")
    arguments = parser.parse_args()
    if arguments.samples:
        OutputTest.program = arguments.samples
        unittest.main(argv=sys.argv[:1], verbosity=1)
    if arguments.file == "-":
        sys.exit(validate(sys.stdin))
    with open(arguments.file, encoding="utf-8") as source:
        sys.exit(validate(source))


if __name__ == "__main__":
    main()
