#!/usr/bin/env python3
"""A kubelet's /pods over HTTPS, well-behaved or not.

usage: kubelet.py DIRECTORY

Serves DIRECTORY/pods.json to who brings the token in DIRECTORY/token, with the certificate in
DIRECTORY/cert.pem and its key.pem. DIRECTORY/mode, read anew at each request, says how it behaves.
Says "port N" once it listens, then a line for each request: its mode and what was answered.
"""

from __future__ import annotations

import http.server
import ssl
import sys
from pathlib import Path

HUGE = 2 << 30
DIRECTORY = Path(sys.argv[1])


def say(*words: object) -> None:
    print(*words, flush=True)


class Kubelet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        mode = (DIRECTORY / "mode").read_text().strip()
        token = (DIRECTORY / "token").read_text().strip()
        if self.headers.get("Authorization") != f"Bearer {token}":
            self.answer(mode, 401, b"Unauthorized", "text/plain")
        elif self.path != "/pods":
            self.answer(mode, 404, b"404 page not found", "text/plain")
        elif mode == "forbidden":
            self.answer(mode, 403, b"Forbidden (user=system:serviceaccount:oomtrail:oomtrail, "
                        b"verb=get, resource=nodes, subresource(s)=[pods proxy])", "text/plain")
        elif mode == "hang":
            say(mode, "nothing")
            self.rfile.read(1)  # until the client has had enough
            self.close_connection = True
        elif mode == "huge":
            self.head(mode, 200, "application/json", {"Content-Length": str(HUGE)})
            self.pour(HUGE)
        elif mode == "endless":
            self.head(mode, 200, "application/json", {"Connection": "close"})
            self.pour(HUGE)
        elif mode == "broken":
            self.answer(mode, 200, self.pods().replace(b'"metadata":', b'"metadata"', 1))
        elif mode == "truncated":
            pods = self.pods()
            self.head(mode, 200, "application/json", {"Content-Length": str(len(pods))})
            self.wfile.write(pods[:len(pods) // 2])
            self.close_connection = True
        else:
            self.answer(mode, 200, self.pods())

    def pods(self) -> bytes:
        return (DIRECTORY / "pods.json").read_bytes()

    def head(self, mode: str, status: int, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        say(mode, status)

    def answer(self, mode: str, status: int, body: bytes, kind: str = "application/json") -> None:
        self.head(mode, status, kind, {"Content-Length": str(len(body))})
        self.wfile.write(body)

    def pour(self, size: int) -> None:
        piece = b'{"kind":"PodList","items":[' + b" " * (1 << 20)
        self.close_connection = True
        try:
            while size > 0:
                size -= self.wfile.write(piece)
        except OSError:
            pass  # the client has had enough

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        pass  # a client that does not trust us hangs up


def main() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DIRECTORY / "cert.pem", DIRECTORY / "key.pem")
    server = Server(("localhost", 0), Kubelet)
    # The handshake belongs to the connection's own thread.
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
    say("port", server.server_address[1])
    server.serve_forever()


if __name__ == "__main__":
    main()
