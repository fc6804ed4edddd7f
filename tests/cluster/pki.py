"""One authority for a run, and what it signs. Everything is gone with the run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from processes import run

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Pair:
    cert: Path
    key: Path


class Authority:
    def __init__(self, home: Path, name: str = "ca") -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._home = home
        self.pair = Pair(home / f"{name}.pem", home / f"{name}.key")
        run(["openssl", "req", *_KEY, "-x509", "-days", "2", "-subj", f"/CN=oomtrail-test-{name}",
             "-keyout", self.pair.key, "-out", self.pair.cert])

    def sign(self, name: str, subject: str, *names: str) -> Pair:
        """`names` are subject alternative names as openssl writes them: DNS:x, IP:1.2.3.4."""
        pair = Pair(self._home / f"{name}.pem", self._home / f"{name}.key")
        alternatives = ["-addext", f"subjectAltName={','.join(names)}"] if names else []
        run(["openssl", "req", *_KEY, "-x509", "-days", "2", "-CA", self.pair.cert, "-CAkey", self.pair.key,
             "-subj", subject, "-addext", "basicConstraints=critical,CA:FALSE",
             "-addext", "extendedKeyUsage=serverAuth,clientAuth", *alternatives,
             "-keyout", pair.key, "-out", pair.cert])
        return pair


def key_pair(home: Path, name: str) -> Pair:
    """What service account tokens are signed with."""
    pair = Pair(home / f"{name}.pub", home / f"{name}.key")
    run(["openssl", "genrsa", "-out", pair.key, "2048"])
    run(["openssl", "rsa", "-in", pair.key, "-pubout", "-out", pair.cert])
    return pair
