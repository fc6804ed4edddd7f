#!/usr/bin/env python3
"""Everything a stranger can do to the agent's ports, held up at once: connections that say nothing,
halves of requests, headers and bodies without end, connects by the thousand (ten thousand are flood_test.cc's).

  hostile_clients.py GRPC_PORT HTTP_PORT     says "all here" and stays until it is ended
"""

from __future__ import annotations

import signal
import socket
import sys

CONNECTS = 1_000
HELD = 400
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def hold(port: int, what: bytes, count: int, held: list[socket.socket]) -> None:
    """Connections that have said `what`, and stay. One that is cut off has been dealt with."""
    for _ in range(count):
        try:
            client = connect(port)
            held.append(client)
            client.sendall(what)
        except OSError:
            continue


def flood(port: int) -> None:
    for _ in range(CONNECTS):
        try:
            connect(port).close()
        except OSError:
            continue


def main() -> int:
    grpc, http = int(sys.argv[1]), int(sys.argv[2])
    held: list[socket.socket] = []
    flood(grpc)
    flood(http)
    hold(grpc, b"", HELD, held)
    hold(grpc, PREFACE, HELD, held)
    hold(grpc, PREFACE + SETTINGS, HELD, held)
    hold(grpc, b"GET / HTTP/1.1\r\n" * 100, 50, held)
    hold(http, b"", HELD, held)
    hold(http, b"GET /metrics HTTP/1.1\r\nHost: x\r\n", HELD, held)
    hold(http, b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 5000, 50, held)
    hold(http, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"5\r\nhello\r\n" * 1000, 50, held)
    print(f"{2 * CONNECTS} connects and {len(held)} held connections, all here", flush=True)
    signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
