"""The image for this machine, as its users meet it: what is in it, and that it runs from itself alone.

  python3 test_image.py build/image/oomtrail-amd64.oci.tar [THE SAME, BUILT AGAIN]

As root. Runs in mount and network namespaces of its own: the names and the
kubelet that a test answers for are on a loopback that nobody else sees.
"""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

import oci

ROOT = Path(__file__).resolve().parents[2]
MIB = 1024 * 1024
MAX_SIZE = 40 * 1000 * 1000
FILES = {
    "oomtrail": 0o755,
    "etc": 0o755, "etc/ssl": 0o755, "etc/ssl/certs": 0o755, "etc/ssl/certs/ca-certificates.crt": 0o644,
    # Where OpenSSL looks by itself.
    "usr": 0o755, "usr/lib": 0o755, "usr/lib/ssl": 0o755, "usr/lib/ssl/cert.pem": 0o777,
}
PATIENCE_S = 60
NAME = "kubelet.test"
CHROOT = shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin") or "chroot"


def version() -> str:
    found = re.search(r"project\(oomtrail VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())
    assert found
    return found[1]


class ContentTest(unittest.TestCase):
    image: oci.Image
    again: oci.Image | None

    def test_nothing_else_is_in_it(self) -> None:
        self.assertEqual({name: member.mode & 0o7777 for name, member in self.image.files.items()}, FILES)

    def test_everything_is_roots(self) -> None:
        self.assertEqual({(member.uid, member.gid) for member in self.image.files.values()}, {(0, 0)})

    def test_size(self) -> None:
        print(f"\nimage: {self.image.size / MIB:.1f} MiB uncompressed")
        self.assertLessEqual(self.image.size, MAX_SIZE)

    def test_the_program_needs_no_other_file(self) -> None:
        with tempfile.NamedTemporaryFile() as program:
            program.write(self.image.contents["oomtrail"])
            program.flush()
            said = subprocess.run(["readelf", "-lSdW", program.name], check=True, text=True,
                                  stdout=subprocess.PIPE).stdout
        self.assertIn("GNU_RELRO", said)
        for unwanted in ("INTERP", "(NEEDED)", ".symtab", ".debug_info"):
            self.assertNotIn(unwanted, said)

    def test_entrypoint(self) -> None:
        self.assertEqual(self.image.config["config"]["Entrypoint"], ["/oomtrail"])
        self.assertFalse(self.image.config["config"].get("Cmd"))

    def test_reference_and_labels(self) -> None:
        self.assertEqual(self.image.reference, f"ghcr.io/oomtrail/oomtrail:{version()}")
        labels = self.image.config["config"]["Labels"]
        prefix = "org.opencontainers.image."
        self.assertEqual(labels[f"{prefix}version"], version())
        self.assertEqual(labels[f"{prefix}title"], "oomtrail")
        self.assertRegex(labels[f"{prefix}revision"], "^([0-9a-f]{40}(-dirty)?|unknown)$")
        self.assertRegex(labels[f"{prefix}created"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        for name in ("description", "source"):
            self.assertTrue(labels[prefix + name])

    def test_built_again_it_has_the_same_digest(self) -> None:
        if self.again is None:
            self.skipTest("there is no second one to compare")
        self.assertEqual(self.again.digest, self.image.digest)


class Kubelet(http.server.BaseHTTPRequestHandler):
    """Knows no pods; tells the test what it was asked."""

    asked: list[str]
    was_asked: threading.Event

    def do_GET(self) -> None:  # noqa: N802
        self.asked.append(self.path)
        body = b'{"kind": "PodList", "apiVersion": "v1", "items": []}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.was_asked.set()

    def log_message(self, *_: object) -> None:
        pass


def answer(query: bytes) -> bytes:
    """To a DNS query for NAME's address: 127.0.0.1; to any other: none."""
    question = query[12:query.index(b"\0", 12) + 5]
    wanted = b"".join(bytes([len(label)]) + label.encode() for label in NAME.split("."))
    mine = question[:-5] == wanted and question[-4:-2] == b"\0\1"
    record = b"\xc0\x0c\0\1\0\1" + (60).to_bytes(4, "big") + b"\0\4" + socket.inet_aton("127.0.0.1")
    return (query[:2] + b"\x85\x80\0\1" + (b"\0\1" if mine else b"\0\0") + b"\0\0\0\0" + question +
            (record if mine else b""))


def serve_names(port: socket.socket) -> None:
    while True:
        query, client = port.recvfrom(512)
        port.sendto(answer(query), client)


class RunTest(unittest.TestCase):
    image: oci.Image
    scratch: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.root = cls.scratch / "root"
        cls.image.unpack(cls.root)
        for name in ("proc", "sys", "dev"):
            (cls.root / name).mkdir()
            subprocess.run(["mount", "--rbind", f"/{name}", cls.root / name], check=True)
        port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        cls.addClassCleanup(port.close)
        port.bind(("127.0.0.1", 53))
        threading.Thread(target=serve_names, args=(port,), daemon=True).start()
        # As the kubelet does for every container.
        (cls.root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")

    def command(self, *words: str) -> list[str]:
        return [CHROOT, str(self.root), "/oomtrail", *words]

    def run_in_it(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*words), text=True, capture_output=True, timeout=PATIENCE_S, env={})

    def test_version(self) -> None:
        done = self.run_in_it("--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(version(), done.stdout)

    def test_doctor(self) -> None:
        done = self.run_in_it("doctor")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("verdict: OOM kills on this node can be seen and attributed", done.stdout)

    def test_a_kill_is_seen(self) -> None:
        done = self.run_in_it("demo", "--log-format", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        event = json.loads(done.stdout)
        self.assertEqual((event["kind"], event["victim"]["comm"]), ("oom_kill", "memory-hog"))

    def kubelet(self) -> http.server.HTTPServer:
        """One whose certificate the image's CA certificates vouch for, as of now."""
        files = ["-keyout", self.scratch / "key", "-out", self.scratch / "certificate"]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "1", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", *files],
                       check=True, capture_output=True)
        with open(self.root / "etc/ssl/certs/ca-certificates.crt", "ab") as trusted:
            trusted.write((self.scratch / "certificate").read_bytes())
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.scratch / "certificate", self.scratch / "key")
        server = http.server.HTTPServer(("127.0.0.1", 0), Kubelet)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        Kubelet.asked, Kubelet.was_asked = [], threading.Event()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def test_names_and_trust_without_a_flag(self) -> None:
        """glibc's resolver and OpenSSL's trust: the two that look for files by themselves."""
        url = f"https://{NAME}:{self.kubelet().server_port}"
        with subprocess.Popen(self.command(
                "agent", "--kubelet-url", url, "--cri-endpoint", "none", "--pin", "none", "--journal", "none",
                "--listen", "none"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={}) as agent:
            asked = Kubelet.was_asked.wait(PATIENCE_S)
            agent.terminate()
            said = agent.communicate(timeout=PATIENCE_S)[1]
        self.assertTrue(asked, said)
        self.assertEqual(agent.returncode, 0, said)
        self.assertEqual({path.partition("?")[0] for path in Kubelet.asked}, {"/pods"})

    def test_grpc_finds_names_too(self) -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            done = self.run_in_it("status", "--insecure", "--server", f"{NAME}:{nobody.getsockname()[1]}")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("refused", done.stderr.lower())


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("test_image: only root can look into it from inside")
    if sys.argv[1] != "--inside":
        # What is mounted inside goes with the namespace, before this removes the directory.
        with tempfile.TemporaryDirectory(prefix="oomtrail-image-") as scratch:
            sys.exit(subprocess.run(["unshare", "--net", "--mount", sys.executable, __file__,
                                     "--inside", scratch, *sys.argv[1:]]).returncode)
    RunTest.scratch = Path(sys.argv[2])
    archives = [oci.read(Path(name)) for name in sys.argv[3:]]
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    ContentTest.image = RunTest.image = archives[0]
    ContentTest.again = archives[1] if len(archives) > 1 else None
    unittest.main(argv=sys.argv[:1])


if __name__ == "__main__":
    main()
