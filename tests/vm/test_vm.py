"""Unit tests of the VM harness: no network, no QEMU, no root.

What needs a guest is proven by booting one (vm.py); here are the parts that
would otherwise fail silently or rarely.
"""

from __future__ import annotations

import base64
import hashlib
import io
import sys
import tarfile
import tempfile
import unittest
import unittest.mock
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import apt_sources  # noqa: E402
import busybox  # noqa: E402
import cpio  # noqa: E402
import initramfs  # noqa: E402
import kernels  # noqa: E402
import packages  # noqa: E402
import results  # noqa: E402
import vm  # noqa: E402
from apt_sources import Source  # noqa: E402
from console import Console  # noqa: E402
from packages import Package  # noqa: E402

NONCE = "00c0ffee00c0ffee"


class CpioTest(unittest.TestCase):
    def written(self, write: str, *arguments: object) -> bytes:
        out = io.BytesIO()
        getattr(cpio.CpioWriter(out), write)(*arguments)
        return out.getvalue()

    def test_file_is_byte_exact(self) -> None:
        self.assertEqual(
            self.written("file", "bin/sh", b"hello", 0o755),
            b"070701" b"00000001" b"000081ED" b"00000000" b"00000000" b"00000001" b"00000000"
            b"00000005" b"00000000" b"00000000" b"00000000" b"00000000" b"00000007" b"00000000"
            b"bin/sh\0" b"\0\0\0" b"hello\0\0\0")

    def test_every_entry_ends_aligned(self) -> None:
        for length in range(9):
            with self.subTest(length=length):
                self.assertEqual(len(self.written("file", "n" * (length + 1), b"c" * length)) % 4, 0)

    def test_modes(self) -> None:
        for write, arguments, mode in (
                ("file", ("f", b"", 0o644), b"000081A4"),
                ("file", ("f", b"", 0o755), b"000081ED"),
                ("directory", ("d",), b"000041ED"),
                ("symlink", ("l", "t"), b"0000A1FF"),
                ("char_device", ("c", 5, 1), b"00002180")):
            with self.subTest(mode=mode):
                self.assertEqual(self.written(write, *arguments)[14:22], mode)

    def test_symlink_holds_its_target(self) -> None:
        entry = self.written("symlink", "bin/ls", "/bin/busybox")
        self.assertEqual(entry[54:62], b"%08X" % len("/bin/busybox"))
        self.assertTrue(entry.endswith(b"bin/ls\0\0\0\0/bin/busybox"), entry)

    def test_device_numbers(self) -> None:
        self.assertEqual(self.written("char_device", "dev/console", 5, 1)[78:94], b"0000000500000001")

    def test_trailer(self) -> None:
        out = io.BytesIO()
        archive = cpio.CpioWriter(out)
        archive.directory("d")
        archive.close()
        trailer = out.getvalue()[-124:]
        self.assertEqual(trailer[:14], b"07070100000000")
        self.assertEqual(trailer[110:], b"TRAILER!!!\0\0\0\0")


class RootTest(unittest.TestCase):
    def names(self, root: initramfs.Root) -> list[str]:
        """The archive's names in order, read back by the format's own rules."""
        out = io.BytesIO()
        root.write(out)
        raw, at = out.getvalue(), 0
        names: list[str] = []
        while not names or names[-1] != "TRAILER!!!":
            size, name_size = int(raw[at + 54:at + 62], 16), int(raw[at + 94:at + 102], 16)
            names.append(raw[at + 110:at + 109 + name_size].decode())
            at += -(-(110 + name_size) // 4) * 4 + -(-size // 4) * 4
        return names

    def test_parents_come_first(self) -> None:
        root = initramfs.Root()
        root.text("/a/b/c", "x")
        names = self.names(root)
        self.assertLess(names.index("a"), names.index("a/b"))
        self.assertLess(names.index("a/b"), names.index("a/b/c"))

    def test_same_path_is_written_once(self) -> None:
        root = initramfs.Root()
        root.symlink("/bin/sh", "/bin/busybox")
        root.text("/bin/sh", "#!/bin/busybox sh\n")
        self.assertEqual(self.names(root).count("bin/sh"), 1)

    def test_refused_paths(self) -> None:
        for path in ("bin/sh", "/a/../b", "/"):
            with self.subTest(path=path), self.assertRaises(initramfs.InitramfsError):
                initramfs.Root().text(path, "")

    def test_file_under_a_file_is_refused(self) -> None:
        root = initramfs.Root()
        root.text("/a", "")
        with self.assertRaisesRegex(initramfs.InitramfsError, "/a is not a directory"):
            root.text("/a/b", "")

    def test_file_in_place_of_a_directory_is_refused(self) -> None:
        with self.assertRaisesRegex(initramfs.InitramfsError, "both a file and a directory"):
            initramfs.Root().text("/proc", "")

    def test_host_directory_is_copied_whole(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "sub").mkdir()
            Path(directory, "sub/file").write_text("x")
            root = initramfs.Root()
            root.host(Path(directory), "/opt/d")
            self.assertIn("opt/d/sub/file", self.names(root))

    def test_missing_host_file_is_named(self) -> None:
        with self.assertRaisesRegex(initramfs.InitramfsError, "^/nonexistent: no such file"):
            initramfs.Root().host(Path("/nonexistent"), "/x")


class LddTest(unittest.TestCase):
    def test_forms(self) -> None:
        for name, text, expected in (
                ("static", "\tnot a dynamic executable\n", []),
                ("static-pie", "\tstatically linked\n", []),
                ("dynamic", "\tlinux-vdso.so.1 (0x00007ffd3a5f2000)\n"
                            "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2c0a000000)\n"
                            "\t/lib64/ld-linux-x86-64.so.2 (0x00007f2c0a3f1000)\n",
                 [Path("/lib/x86_64-linux-gnu/libc.so.6"), Path("/lib64/ld-linux-x86-64.so.2")])):
            with self.subTest(name):
                self.assertEqual(initramfs.parse_ldd(Path("/p"), text), expected)

    def test_missing_library_is_an_error(self) -> None:
        with self.assertRaisesRegex(initramfs.InitramfsError, "libx.so.1 => not found"):
            initramfs.parse_ldd(Path("/p"), "\tlibx.so.1 => not found\n")

    def test_real_static_program(self) -> None:
        if not busybox.HOST.is_file():
            self.skipTest("busybox-static is not installed")
        self.assertEqual(initramfs.libraries(busybox.HOST), [])

    def test_real_dynamic_program(self) -> None:
        names = [path.name for path in initramfs.libraries(Path("/bin/ls"))]
        self.assertIn("libc.so.6", names)
        self.assertTrue(any(name.startswith("ld-linux") for name in names), names)


class AptSourcesTest(unittest.TestCase):
    def test_one_line_forms(self) -> None:
        for name, line, expected in (
                ("plain", "deb http://m/debian bookworm main contrib",
                 [Source(("http://m/debian",), ("bookworm",), ("main", "contrib"))]),
                ("options", "deb [arch=amd64 Signed-By=/k.gpg] http://m/debian bookworm main",
                 [Source(("http://m/debian",), ("bookworm",), ("main",),
                         {"arch": "amd64", "signed-by": "/k.gpg"})]),
                ("spaced options", "deb [ arch=amd64 ] http://m/d sid main",
                 [Source(("http://m/d",), ("sid",), ("main",), {"arch": "amd64"})]),
                ("trailing comment", "deb http://m/d sid main # no contrib",
                 [Source(("http://m/d",), ("sid",), ("main",))]),
                ("comment", "# deb http://m/debian bookworm main", []),
                ("source package", "deb-src http://m/debian bookworm main", []),
                ("cdrom", "deb cdrom:[Debian 12]/ bookworm main", []),
                ("empty", "", [])):
            with self.subTest(name):
                self.assertEqual(apt_sources.parse_one_line(line), expected)

    def test_deb822_forms(self) -> None:
        stanza = "Types: deb deb-src\nURIs: http://a/debian http://b/debian\nSuites: sid\nComponents: main\n"
        both = Source(("http://a/debian", "http://b/debian"), ("sid",), ("main",))
        for name, text, expected in (
                ("several uris", stanza, [both]),
                ("two stanzas", f"{stanza}\n{stanza}", [both, both]),
                ("comment between fields", stanza.replace("Suites", "# a comment\nSuites"), [both]),
                ("field names in any case", stanza.replace("URIs", "uris"), [both]),
                ("continued field", stanza.replace(" http://b/debian", "\n http://b/debian"), [both]),
                ("disabled", f"{stanza}Enabled: no\n", []),
                ("sources only", stanza.replace("deb deb-src", "deb-src"), []),
                ("signed-by", f"{stanza}Signed-By: /k.gpg\n",
                 [Source(both.uris, both.suites, both.components, {"signed-by": "/k.gpg"})])):
            with self.subTest(name):
                self.assertEqual(apt_sources.parse_deb822(text), expected)

    def test_both_formats_are_read_from_etc(self) -> None:
        with tempfile.TemporaryDirectory() as etc:
            parts = Path(etc, "sources.list.d")
            parts.mkdir()
            Path(etc, "sources.list").write_text("deb http://one/debian sid main\n")
            (parts / "a.list").write_text("deb http://two/debian sid main\n")
            (parts / "b.sources").write_text("Types: deb\nURIs: http://three/debian\nSuites: sid\nComponents: main\n")
            (parts / "c.list.save").write_text("deb http://four/debian sid main\n")
            uris = [source.uris[0] for source in apt_sources.read_sources(Path(etc))]
        self.assertEqual(uris, ["http://one/debian", "http://two/debian", "http://three/debian"])


class MirrorTest(unittest.TestCase):
    none = Path("/nonexistent")

    def find(self, text: str) -> apt_sources.Mirror:
        return apt_sources.find_mirror(apt_sources.parse_one_line(text), self.none)

    def test_other_vendors_are_passed_over(self) -> None:
        mirror = self.find("deb http://vendor/apt vendor-bookworm main\ndeb http://node nodistro main\n"
                           "deb http://m/debian/ bookworm main\n")
        self.assertEqual(mirror.archive, "http://m/debian")

    def test_security_beside_the_archive_unless_named(self) -> None:
        archive = "deb http://m/debian bookworm main\n"
        self.assertEqual(self.find(archive).security, "http://m/debian-security")
        named = self.find(archive + "deb http://s/sec bookworm-security main\n")
        self.assertEqual((named.uri("archive"), named.uri("security"), named.uri("archived")),
                         ("http://m/debian", "http://s/sec", "http://m/debian-archive/debian"))

    def test_a_source_with_its_own_key(self) -> None:
        self.assertEqual(self.find("deb [signed-by=/k.gpg] http://m/debian sid main").signed_by, "/k.gpg")

    def test_another_release_of_it_with_its_sources(self) -> None:
        mirror = apt_sources.mirror_at("http://m/debian", "http://s/sec")
        text = apt_sources.deb822(mirror, "trixie")
        self.assertEqual([(source.uris, source.suites) for source in apt_sources.parse_deb822(text)],
                         [(("http://m/debian",), ("trixie", "trixie-updates")), (("http://s/sec",), ("trixie-security",))])

    def test_no_debian_source_names_the_remedy(self) -> None:
        with self.assertRaisesRegex(apt_sources.FetchError, "OOMTRAIL_DEBIAN_MIRROR"):
            self.find("deb http://m/other noble main")


class ChoiceTest(unittest.TestCase):
    def chosen(self, series: str, *available: tuple[str, str], or_newer: bool = False) -> str | None:
        found = packages.choose([Package(*each) for each in available], series, "amd64", or_newer=or_newer)
        return found.name if found else None

    def test_versions_compare_as_numbers(self) -> None:
        self.assertEqual(self.chosen("6.1", ("linux-image-6.1.0-9-cloud-amd64", "6.1.99-1"),
                                     ("linux-image-6.1.0-10-cloud-amd64", "6.1.100-1")),
                         "linux-image-6.1.0-10-cloud-amd64")

    def test_signed_before_unsigned_in_either_order(self) -> None:
        pair = (("linux-image-6.1.0-9-cloud-amd64", "6.1.9-1"), ("linux-image-6.1.0-9-cloud-amd64-unsigned", "6.1.9-1"))
        for available in (pair, pair[::-1]):
            self.assertEqual(self.chosen("6.1", *available), "linux-image-6.1.0-9-cloud-amd64")

    def test_split_image_before_its_metapackage(self) -> None:
        image = "linux-binary-7.2.13+deb14-cloud-amd64"
        self.assertEqual(self.chosen("7.2", (image, "7.2.13-1"), ("linux-image-7.2.13+deb14-cloud-amd64", "7.2.13-1"),
                                     ("linux-binary-unsigned-7.2.13+deb14-cloud-amd64", "7.2.13-1")), image)
        self.assertEqual([each.name for each in packages.siblings(Package(image, "7.2.13-1"))],
                         ["linux-base-7.2.13+deb14-cloud-amd64", "linux-modules-7.2.13+deb14-cloud-amd64"])

    def test_names_that_are_not_the_kernel(self) -> None:
        for name in ("linux-image-6.1-cloud-amd64", "linux-image-6.1.0-9-amd64", "linux-image-6.1.0-9-cloud-amd64-dbg",
                     "linux-image-6.12.9+deb13-cloud-amd64", "linux-image-6.1.0-9-cloud-arm64",
                     "linux-headers-6.1.0-9-cloud-amd64", "linux-image-cloud-amd64"):
            with self.subTest(name):
                self.assertIsNone(self.chosen("6.1", (name, "6.1.9-1")))

    def test_a_later_series_only_when_asked_for(self) -> None:
        later = ("linux-binary-7.10.1+deb14-cloud-amd64", "7.10.1-1")
        earlier = ("linux-binary-6.20.1+deb14-cloud-amd64", "6.20.1-1")
        self.assertIsNone(self.chosen("7.2", earlier, later))
        self.assertEqual(self.chosen("7.2", earlier, later, or_newer=True), later[0])
        self.assertIsNone(self.chosen("7.2", earlier, or_newer=True))


class CacheTest(unittest.TestCase):
    def test_what_is_cached_needs_no_network(self) -> None:
        with tempfile.TemporaryDirectory() as cache, unittest.mock.patch.dict("os.environ", {"OOMTRAIL_CACHE": cache}):
            self.assertIsNone(kernels.cached("6.1"))
            directory = Path(cache, "kernels/6.1/amd64-6.1.9-1")
            directory.mkdir(parents=True)
            (directory / "kernel.json").write_text('{"package": "p", "version": "6.1.9-1", "release": "6.1.0-9"}')
            (directory.parent / "current-amd64").symlink_to(directory.name)
            kernel = kernels.fetch("6.1")
        self.assertEqual((kernel.version, kernel.vmlinuz.parent.name), ("6.1.9-1", "amd64-6.1.9-1"))


def archive_of(**members: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
    return out.getvalue()


class ResultsTest(unittest.TestCase):
    good = archive_of(status=b"7\n", dmesg=b"[0.0] Linux\n", notes=b"a note\n", **{"out/a/b": b"\0\1"})

    def frame(self, archive: bytes) -> bytes:
        digest = hashlib.sha256(archive).hexdigest()
        return f"begin {NONCE}\n{base64.encodebytes(archive).decode()}end {NONCE} {digest}\n".encode()

    def damaged(self, raw: bytes, why: str) -> None:
        with self.assertRaisesRegex(results.ResultDamaged, why):
            results.decode(raw, NONCE)

    def test_whole(self) -> None:
        decoded = results.decode(self.frame(self.good), NONCE)
        self.assertEqual(decoded, results.Results(7, "[0.0] Linux\n", ("a note",), {"a/b": b"\0\1"}))

    def test_carriage_returns_of_a_tty_do_no_harm(self) -> None:
        self.assertEqual(results.decode(self.frame(self.good).replace(b"\n", b"\r\n"), NONCE).status, 7)

    def test_nothing_came(self) -> None:
        self.damaged(b"", "begin marker never came")

    def test_truncated(self) -> None:
        self.damaged(self.frame(self.good)[:100], "no end marker")

    def test_no_end_marker(self) -> None:
        self.damaged(self.frame(self.good).replace(b"\nend ", b"\nxnd "), "no end marker")

    def test_wrong_digest(self) -> None:
        raw = self.frame(self.good)
        self.damaged(raw[:-2] + (b"0" if raw[-2:-1] != b"0" else b"1") + b"\n", "sha256")

    def test_lost_line(self) -> None:
        lines = self.frame(self.good).split(b"\n")
        self.damaged(b"\n".join(lines[:1] + lines[2:]), "sha256")

    def test_foreign_bytes(self) -> None:
        lines = self.frame(self.good).split(b"\n")
        self.damaged(b"\n".join([lines[0], b"[1.0] oom-kill:!", *lines[1:]]), "not base64")

    def test_frame_of_another_boot(self) -> None:
        self.damaged(self.frame(self.good).replace(NONCE.encode(), b"f" * 16), "begin marker never came")

    def test_not_an_archive(self) -> None:
        self.damaged(self.frame(b"plain text"), "do not unpack")

    def test_no_status(self) -> None:
        self.damaged(self.frame(archive_of(dmesg=b"", notes=b"")), "status")

    def test_path_outside(self) -> None:
        self.damaged(self.frame(archive_of(status=b"0", dmesg=b"", notes=b"", **{"out/../../x": b""})), "outside")


class ConsoleTest(unittest.TestCase):
    def read(self, *chunks: bytes, verbose: bool = False) -> tuple[Console, str]:
        stream = io.StringIO()
        console = Console(NONCE, stream, verbose)
        for chunk in chunks:
            console.feed(chunk)
        console.close()
        return console, stream.getvalue()

    def guest(self, output: str) -> bytes:
        return f"boot noise\n\n@run {NONCE}\n{output}\n@end {NONCE}\nafter\n".encode()

    def test_output_is_what_the_command_wrote(self) -> None:
        for output in ("", "a", "a\n", "a\nb\n", "\n\n", "a\n\nb"):
            with self.subTest(output):
                self.assertEqual(self.read(self.guest(output))[0].output(), output)

    def test_chunks_may_end_anywhere(self) -> None:
        raw = self.guest("one\ntwo\n")
        self.assertEqual(self.read(*(raw[at:at + 1] for at in range(len(raw))))[0].output(), "one\ntwo\n")

    def test_stream_has_the_output_only(self) -> None:
        self.assertEqual(self.read(self.guest("a\n\nb\n"))[1], "a\n\nb\n")

    def test_verbose_stream_has_all(self) -> None:
        self.assertIn("boot noise\n", self.read(self.guest("a\n"), verbose=True)[1])

    def test_panic_is_seen_even_cut_off(self) -> None:
        console, _ = self.read(b"[    1.0] Kernel panic - not syncing: Fatal exception")
        self.assertEqual(console.panic, "Fatal exception")

    def test_refusal_of_init_is_seen(self) -> None:
        console, _ = self.read(b"oomtrail-vm: fatal: cgroup2 does not mount\r\n")
        self.assertEqual(console.fatal, "cgroup2 does not mount")


class VmErrorTest(unittest.TestCase):
    def test_last_forty_lines_are_shown(self) -> None:
        message = str(vm.VmError("why", [f"line {n}" for n in range(100)]))
        self.assertTrue(message.startswith("why\n  | line 60\n"), message)
        self.assertTrue(message.endswith("line 99"), message)

    def test_silent_console_is_said(self) -> None:
        self.assertIn("nothing on the console", str(vm.VmError("why", [])))


if __name__ == "__main__":
    unittest.main()
