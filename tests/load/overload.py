"""What a gateway still does at five times what it can: rankings and pages decided on request, open loop.

Requests are due at a fixed rate, whatever became of those before them. Each needs one of CONNECTIONS free
connections, as of a proxy with a bound; without one for CONNECTED_S it is not sent. Peak is what closed
clients get through. Good is what was carried out and answered within WITHIN_S of being due; a page that is
answered `overload` is a valid answer, and counted apart. The control is bare ASGI with one Redis read at the
same rate: what server and client manage at all.
"""

from __future__ import annotations

import selectors
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from schemas.ids import VisitorId
from streams.demo.catalogue import demo_items
from streams.kafka.partitioner import partition_of
from streams.stores.keys import Keys
from tests.load.bed import ITEMS, PARTITIONS, Bed
from tests.load.figures import Figure, figure, percentile
from tests.load.page_get import PAGES, requests_of
from tests.load.serving import control, rank_requests, serving
from tests.load.wire import Connection, get

CONNECTIONS = 96
CLOSED = 8
"""Connections of the closed clients: enough to keep a gateway busy, too few to be refused."""
WITHIN_S = 0.25
CONNECTED_S = 0.01
SECONDS = 4.0
TIMES = 5
RANKED = 300
SHED = b'"overload"'


class Outcome(Struct):
    """Of one load: how often, and the times of good answers from when they were due, ms."""

    times: list[float] = []
    shed: int = 0
    unsent: int = 0
    late: int = 0

    def goodput(self) -> float:
        """Good answers a second."""
        return len(self.times) / SECONDS


class _Clients:
    """Send requests when they are due, over connections that are kept."""

    def __init__(self, address: str, requests: Sequence[bytes], connections: int) -> None:
        self._requests = requests
        self._selector = selectors.DefaultSelector()
        self._free = [Connection(address) for _ in range(connections)]
        for connection in self._free:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        self._all = tuple(self._free)
        self._due: deque[float] = deque()
        self._sent = 0
        self.outcome = Outcome()

    def run(self, rate: float) -> Outcome:
        """At a rate a second; 0: one is due as soon as a connection is free."""
        started, made = time.monotonic(), 0
        while (now := time.monotonic()) - started < SECONDS:
            while made < (now - started) * rate:
                self._due.append(started + made / rate)
                made += 1
            if not rate:
                self._due.extend([now] * len(self._free))
            self._send_due(now)
            for key, _ in self._selector.select(0.0005):
                self._read(key.data)
        for connection in self._all:
            connection.close()
        return self.outcome

    def _send_due(self, now: float) -> None:
        while self._due and now - self._due[0] > CONNECTED_S:
            self._due.popleft()
            self.outcome.unsent += 1
        while self._due and self._free:
            connection, due = self._free.pop(), self._due.popleft()
            connection.start(self._requests[self._sent % len(self._requests)])
            connection.sent = due
            self._sent += 1

    def _read(self, connection: Connection) -> None:
        answer = connection.step()
        if answer is None:
            return
        self._free.append(connection)
        took = time.monotonic() - connection.sent
        status, body = answer
        assert status in (200, 503), answer
        if status == 503 or SHED in body[:600]:
            self.outcome.shed += 1
        elif took > WITHIN_S:
            self.outcome.late += 1
        else:
            self.outcome.times.append(took * 1000)


def drive(
    address: str, requests: Sequence[bytes], rate: float = 0.0, connections: int = CONNECTIONS
) -> Outcome:
    return _Clients(address, requests, connections).run(rate)


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    kept: dict[str, list[float]] = {}
    with serving(bed) as (stack, gateway, visitors):
        partition = partition_of(visitors[0].encode(), PARTITIONS)
        with control(stack, Keys(stack.namespace).state(partition, visitors[0])) as bare:
            for run in range(runs):
                for kind, requests in _loads(visitors).items():
                    peak = drive(gateway.address, requests, connections=CLOSED).goodput()
                    once = drive(gateway.address, requests, peak)
                    many = drive(gateway.address, requests, peak * TIMES)
                    floor = drive(bare.address, [get("/")], peak * TIMES)
                    seen = {
                        "goodput_ratio": many.goodput() / peak,
                        "once_goodput_ratio": once.goodput() / peak,
                        "served_p99_ms": percentile(many.times or [WITHIN_S * 1000], 99),
                        "floor_goodput_ratio": floor.goodput() / peak,
                        "floor_p99_ms": percentile(floor.times or [WITHIN_S * 1000], 99),
                    }
                    for name, value in seen.items():
                        kept.setdefault(f"overload.{kind}.{name}", []).append(value)
                    shown = ", ".join(f"{name} {value:.2f}" for name, value in seen.items())
                    counts = f"shed {many.shed}, unsent {many.unsent}, late {many.late}"
                    say(f"run {run + 1} {kind}: peak {peak:,.0f}/s, {shown}; at {TIMES}x {counts}")
    load = f"open loop at {TIMES} times the peak, {CONNECTIONS} connections, {SECONDS:.0f} s, {runs} runs"
    units = {"ratio": "ratio", "ms": "ms"}
    return [figure(key, each, units[key.rsplit("_", 1)[1]], load=load) for key, each in kept.items()]


def _loads(visitors: Sequence[VisitorId]) -> dict[str, list[bytes]]:
    ids = [item.item_id for item in demo_items(ITEMS, at=datetime.now(UTC))]
    pages = zip(*(requests_of(page, visitors) for page in PAGES), strict=True)
    return {"rank": rank_requests(visitors, ids, RANKED), "page": [one for three in pages for one in three]}
