#!/usr/bin/env python3
"""An agent as a subscriber must be able to bear it, for examples.sh: it is full at first, loses events,
tells them twice, and ends streams.

usage: unkind_agent.py SOCKET, where the stubs can be imported

Says "serving", then "watch from CURSOR" for each stream.
"""

from __future__ import annotations

import sys
from concurrent import futures

import grpc

sys.path.insert(0, ".")
from oomtrail.v1 import event_pb2 as events  # noqa: E402
from oomtrail.v1 import event_service_pb2 as service  # noqa: E402
from oomtrail.v1 import event_service_pb2_grpc as stubs  # noqa: E402


def kill(name: str, pid: int, **more: object) -> events.Event:
    return events.Event(id=name, kind=events.KIND_OOM_KILL, victim=events.Victim(pid=pid, comm=name), **more)


def item(cursor: int, **what: object) -> service.WatchEventsResponse:
    return service.WatchEventsResponse(cursor=str(cursor), **what)


ONE = item(1, event=kill("one", 1))
TWO = item(2, event=kill("two", 2))
# A known limit of 0 is not an unknown one.
NAMED = kill("two", 2, revision=2, scope=events.SCOPE_CONTAINER, limit=events.Limit(bytes=0),
             pod=events.Pod(namespace="shop", name="cart-7d9f"), container=events.Container(name="api"))

# What is told to each stream, one after the other; the first is refused.
STREAMS = [
    [],
    [ONE,
     item(3, lost=service.Lost(source=service.LOST_SOURCE_SUBSCRIBER, count=2)),
     item(4, event=kill("late", 4))],  # beyond the gap: who takes it has lost what is in there
    [ONE, TWO,
     item(3, amendment=NAMED),
     item(3, amendment=kill("two", 2, revision=1)),  # an older form
     item(3, event=events.Event(id="none", kind=events.KIND_OOM_WITHOUT_KILL)),
     item(4, lost=service.Lost(source=service.LOST_SOURCE_KERNEL, stage="kill_ring_full", count=7)),
     item(4)],  # what only a newer agent could mean
]


class UnkindAgent(stubs.EventServiceServicer):
    def __init__(self) -> None:
        self.streams = iter(STREAMS)

    def WatchEvents(self, request, context):
        print("watch from", request.cursor, flush=True)
        items = next(self.streams, None)
        if items == []:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many subscribers")
        if items is not None:
            yield from items
            return
        yield item(4, bookmark=service.Bookmark(live=True))
        ended = futures.Future()
        context.add_callback(lambda: ended.set_result(None))
        ended.result()


def main() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(4))
    stubs.add_EventServiceServicer_to_server(UnkindAgent(), server)
    server.add_insecure_port("unix:" + sys.argv[1])
    server.start()
    print("serving", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
