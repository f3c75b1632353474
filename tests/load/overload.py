"""What a gateway still does at five times what it can: lists ranked, pages decided on request, and both.

Open loop: requests are due at a fixed rate, whatever became of those before them. Each needs one of
CONNECTIONS free connections, as of a proxy with a bound; without one for CONNECTED_S it is not sent. A crowd
has more connections than a bound that makes sense: then nearly all that is due arrives, and the HTTP around
answers that say "overload" takes what the floor takes.

Good is what was carried out and answered within WITHIN_S of being due; a page that is answered `overload` is
a valid answer, and counted apart. Each good answer is worth what it costs: the share of a second that it
takes of closed clients who ask for nothing else. Peak is what closed clients get of the same mix, before and
after. The floor is bare ASGI with one Redis read at the same rate: what server and client manage at all.
"""

from __future__ import annotations

import itertools
import selectors
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

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

CONNECTIONS, CROWD = 64, 512
CLOSED = 8
"""Connections of the closed clients: enough to keep a gateway busy, too few to be refused."""
WITHIN_S = 0.25
CONNECTED_S = 0.01
SECONDS = 3.0
TIMES = 5
RANKED = 300
SHED = b'"overload"'


Kind = Literal["rank", "page", "floor"]
Request = tuple[Kind, bytes]


class Outcome(Struct):
    """Of one load: the times of good answers since they were due, ms, by what was asked; and the others."""

    times: dict[Kind, list[float]]
    shed: int = 0
    unsent: int = 0
    late: int = 0
    cpu_ratio: float = 0.0
    """CPU of the clients: near 1 they, not the server, are the bound."""

    def rate(self) -> float:
        """Good answers a second."""
        return sum(map(len, self.times.values())) / SECONDS

    def worth(self, peaks: Mapping[Kind, float]) -> float:
        """Good answers, each priced by the rate that its kind reaches alone."""
        return sum(len(times) / SECONDS / peaks[kind] for kind, times in self.times.items())

    def p99_ms(self) -> float:
        return percentile([each for times in self.times.values() for each in times] or [WITHIN_S * 1000], 99)


class _Clients:
    """Send requests when they are due, over connections that are kept."""

    def __init__(self, address: str, requests: Sequence[Request], connections: int) -> None:
        self._requests = requests
        self._selector = selectors.DefaultSelector()
        self._free = [Connection(address) for _ in range(connections)]
        for connection in self._free:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        self._all = tuple(self._free)
        self._due: deque[float] = deque()
        self._sent = 0
        self._kinds: dict[Connection, Kind] = {}
        self.outcome = Outcome({kind: [] for kind, _ in requests})

    def run(self, rate: float) -> Outcome:
        """At a rate a second; 0: one is due as soon as a connection is free."""
        started, made, cpu_s = time.monotonic(), 0, time.process_time()
        while (now := time.monotonic()) - started < SECONDS:
            while made < (now - started) * rate:
                self._due.append(started + made / rate)
                made += 1
            if not rate:
                self._due.extend([now] * len(self._free))
            self._send_due(now)
            for key, _ in self._selector.select(0.0005):
                self._read(key.data)
        self.outcome.cpu_ratio = (time.process_time() - cpu_s) / SECONDS
        for connection in self._all:
            connection.close()
        return self.outcome

    def _send_due(self, now: float) -> None:
        while self._due and now - self._due[0] > CONNECTED_S:
            self._due.popleft()
            self.outcome.unsent += 1
        while self._due and self._free:
            connection, due = self._free.pop(), self._due.popleft()
            self._kinds[connection], request = self._requests[self._sent % len(self._requests)]
            connection.start(request)
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
            self.outcome.times[self._kinds[connection]].append(took * 1000)


def drive(
    address: str, requests: Sequence[Request], rate: float = 0.0, connections: int = CONNECTIONS
) -> Outcome:
    return _Clients(address, requests, connections).run(rate)


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    kept: dict[str, list[float]] = {}
    with serving(bed) as (stack, gateway, visitors):
        loads, partition = _loads(visitors), partition_of(visitors[0].encode(), PARTITIONS)
        with control(stack, Keys(stack.namespace).state(partition, visitors[0])) as bare:
            for run in range(runs):
                peaks = _peaks(gateway.address, loads)
                for kind, requests in loads.items():
                    seen, counts = _compare(gateway.address, bare.address, requests, peaks)
                    for name, value in seen.items():
                        kept.setdefault(f"overload.{kind}.{name}", []).append(value)
                    shown = ", ".join(f"{name} {value:.2f}" for name, value in seen.items())
                    say(f"run {run + 1} {kind}: {shown}; {counts}")
    load = f"open loop at {TIMES} times the peak, {CONNECTIONS} connections, {SECONDS:.0f} s, {runs} runs"
    units = {"ratio": "ratio", "ms": "ms"}
    return [figure(key, each, units[key.rsplit("_", 1)[1]], load=load) for key, each in kept.items()]


def _peaks(address: str, loads: Mapping[str, Sequence[Request]]) -> dict[Kind, float]:
    """Answers a second of each kind alone."""
    alone: list[Kind] = ["rank", "page"]
    return {kind: drive(address, loads[kind], connections=CLOSED).rate() for kind in alone}


def _compare(
    address: str, floor_address: str, requests: Sequence[Request], peaks: Mapping[Kind, float]
) -> tuple[dict[str, float], str]:
    """Figures by name, and what became of the rest; the peak is measured before and after what it is for."""
    before = drive(address, requests, connections=CLOSED)
    rate = before.rate()
    many = drive(address, requests, rate * TIMES)
    after = drive(address, requests, connections=CLOSED)
    once = drive(address, requests, rate)
    crowd = drive(address, requests, rate * TIMES, CROWD)
    floor = drive(floor_address, [("floor", get("/"))], rate * TIMES)
    peak = (before.worth(peaks) + after.worth(peaks)) / 2
    seen = {
        "goodput_ratio": many.worth(peaks) / peak,
        "served_p99_ms": many.p99_ms(),
        "once_goodput_ratio": once.worth(peaks) / peak,
        "crowd_goodput_ratio": crowd.worth(peaks) / peak,
        "floor_goodput_ratio": floor.rate() / rate,
        "floor_p99_ms": floor.p99_ms(),
        "client_cpu_ratio": max(many.cpu_ratio, crowd.cpu_ratio),
    }
    served = ", ".join(f"{kind} {len(times) / SECONDS:,.0f}/s" for kind, times in many.times.items())
    counts = f"at {TIMES}x {served}, shed {many.shed}, unsent {many.unsent}, late {many.late}"
    return seen, f"peak {rate:,.0f}/s, after {after.rate():,.0f}/s; {counts}"


def _loads(visitors: Sequence[VisitorId]) -> dict[str, list[Request]]:
    ids = [item.item_id for item in demo_items(ITEMS, at=datetime.now(UTC))]
    lists: list[Request] = [("rank", request) for request in rank_requests(visitors, ids, RANKED)]
    three = zip(*(requests_of(page, visitors) for page in PAGES), strict=True)
    pages: list[Request] = [("page", one) for each in three for one in each]
    both = [one for two in zip(itertools.cycle(lists), pages, strict=False) for one in two]
    return {"rank": lists, "page": pages, "mix": both}
