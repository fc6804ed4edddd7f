#!/usr/bin/env python3
"""A controller's subscription to one node's agent: a line for each OOM kill, each once, through
restarts of the agent and of this program. docs/clients.md explains what it does and why."""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from oomtrail.v1 import event_pb2, event_service_pb2
from oomtrail.v1.event_service_pb2_grpc import EventServiceStub

FIRST_WAIT, LONGEST_WAIT = 0.2, 10.0  # seconds
MAX_HANDLED = 256  # amendments come within half a minute of their event
KEEPALIVE = (("grpc.keepalive_time_ms", 30_000), ("grpc.keepalive_timeout_ms", 10_000))
# What a further attempt may mend; not a wrong request, or a cursor of another node.
PASSING = {"UNAVAILABLE", "RESOURCE_EXHAUSTED", "CANCELLED", "ABORTED", "INTERNAL"}


def say(text):
    print(f"subscribe.py: {text}", file=sys.stderr, flush=True)


class State:
    """What survives a restart: where the stream was left, and what was handled. One file has both, so
    that neither is ever ahead of the other."""

    def __init__(self, path):
        self.path = path
        kept = json.loads(path.read_text()) if path.exists() else {}
        self.cursor = kept.get("cursor", "")
        self.handled = kept.get("handled", {})  # id: revision, the newest last

    def save(self):
        """After a crash the file is the old one or the new one, whole."""
        self.handled = dict(list(self.handled.items())[-MAX_HANDLED:])
        following = self.path.with_name(self.path.name + ".next")
        with following.open("wb", buffering=0) as file:
            file.write(json.dumps({"cursor": self.cursor, "handled": self.handled}).encode())
            os.fsync(file)
        following.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(folder)  # the new name is on disk when its folder is
        os.close(folder)


def line(kill):
    """Whose container it was, whose limit was hit, and who died. What is not known is "-"."""
    limit = kill.limit.bytes if kill.limit.HasField("bytes") else "-"
    scope = event_pb2.Scope.Name(kill.scope).removeprefix("SCOPE_").lower()
    return (f"{kill.pod.namespace or '-'}/{kill.pod.name or kill.pod.uid or '-'}"
            f"/{kill.container.name or kill.container.id or '-'} scope={scope} limit={limit}"
            f" victim={kill.victim.comm}[{kill.victim.pid}] id={kill.id} revision={kill.revision}")


def take_event(event, state):
    """Acts once for an id. A crash before the state is saved repeats it: it has to be idempotent."""
    if event.kind != event_pb2.KIND_OOM_KILL:
        return
    before = state.handled.get(event.id)
    if before is None or event.revision > before:
        print(("" if before is None else "named: ") + line(event), flush=True)
        state.handled[event.id] = event.revision


def take(item, state):
    """Acts upon one item. False: what was lost is to be read again, from the cursor before."""
    kind = item.WhichOneof("item")  # None: an item of a newer agent
    if kind in ("event", "amendment"):  # an amendment may be the first that matches
        take_event(getattr(item, kind), state)
    elif kind == "lost":
        source = event_service_pb2.LostSource.Name(item.lost.source)
        say(f"LOST: {item.lost.count} events: {source} {item.lost.stage}")
        if item.lost.source == event_service_pb2.LOST_SOURCE_SUBSCRIBER:
            return False
    elif kind == "bookmark" and item.bookmark.live:
        say("up to date")
    state.cursor = item.cursor
    state.save()
    return True


def oldest_cursor(error):
    """Where to go on when the agent no longer holds our cursor; None if that is not the matter."""
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        reason = error_details_pb2.ErrorInfo()
        if detail.Unpack(reason) and reason.reason == "CURSOR_EXPIRED":
            return reason.metadata["oldest_cursor"]
    return None


def connect(flags):
    if flags.server.startswith("unix:"):  # the socket's mode says who may
        return grpc.aio.insecure_channel(flags.server, KEEPALIVE)
    files = [file.read_bytes() for file in (flags.tls_ca, flags.tls_key, flags.tls_cert)]
    return grpc.aio.secure_channel(flags.server, grpc.ssl_channel_credentials(*files), KEEPALIVE)


async def follow(flags, state):
    filters = [event_service_pb2.Filter(kinds=[event_pb2.KIND_OOM_KILL], namespaces=flags.namespace)]
    wait = FIRST_WAIT
    while True:
        try:
            async with connect(flags) as channel:  # anew for each attempt: certificates are rotated
                request = event_service_pb2.WatchEventsRequest(
                    allow=filters, follow=True, cursor=state.cursor or None)
                async for item in EventServiceStub(channel).WatchEvents(request):
                    wait = FIRST_WAIT
                    if not take(item, state):
                        break
            say("the stream ended")
        except grpc.aio.AioRpcError as error:
            say(f"{error.code().name}: {error.details()}")
            if oldest := oldest_cursor(error):
                say(f"LOST: the agent no longer has the events between {state.cursor} and {oldest}")
                state.cursor = oldest
                state.save()
            elif error.code().name not in PASSING:
                sys.exit(1)
        say("trying again")
        # At random, so that an agent that restarts does not meet all its subscribers at once.
        await asyncio.sleep(random.uniform(wait / 2, wait))
        wait = min(2 * wait, LONGEST_WAIT)


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", help="unix:///path or HOST:PORT",
                        default="unix:///run/oomtrail/oomtrail.sock")
    parser.add_argument("--tls-ca", type=Path, help="the CA (PEM) of the agent's certificate")
    parser.add_argument("--tls-cert", type=Path, help="this client's certificate (PEM)")
    parser.add_argument("--tls-key", type=Path, help="its private key (PEM)")
    parser.add_argument("--state", type=Path, default="subscribe.json", help="where the cursor is kept")
    parser.add_argument("--namespace", action="append", help="only of this one; may be given again")
    flags = parser.parse_args()
    if not flags.server.startswith("unix:") and not (flags.tls_ca and flags.tls_cert and flags.tls_key):
        parser.error("HOST:PORT needs --tls-ca, --tls-cert and --tls-key")
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asyncio.current_task().cancel)
    try:
        await follow(flags, State(flags.state))
    except asyncio.CancelledError:
        pass  # between two items: what was acted upon is stored


if __name__ == "__main__":
    asyncio.run(main())
