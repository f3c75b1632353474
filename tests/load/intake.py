"""How many events the gateway takes, one and a hundred a request; in turn with the careless twin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from streams.demo.catalogue import demo_items
from tests.load.bed import ITEMS, Bed
from tests.load.figures import Figure, figure
from tests.load.traffic import browsing_events, now_text
from tests.load.twin import twin_gateway
from tests.load.visitors import events_body
from tests.load.wire import post, saturate

CONNECTIONS = 16
SECONDS = 4.0
SIZES = (1, 100)
EVENTS = 20_000


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    ours: dict[int, list[float]] = {size: [] for size in SIZES}
    twins: dict[int, list[float]] = {size: [] for size in SIZES}
    with bed.stack() as stack, twin_gateway(stack) as twin:
        gateway = stack.start("gateway").wait_ready()
        for run in range(runs):
            for size in SIZES:
                requests = requests_of(size, seed=run + 1)
                twins[size].append(_events_per_second(twin, requests, size))
                ours[size].append(_events_per_second(gateway.address, requests, size))
                say(f"{size} a request: {ours[size][-1]:,.0f} events/s, twin {twins[size][-1]:,.0f}")
    load = (
        f"{CONNECTIONS} keep-alive connections kept busy, {SECONDS:.0f} s, acknowledged by Kafka, {runs} runs"
    )
    return [
        figure(f"intake.{size}.{name}events_per_second", values[size], "events/s", load=who + load)
        for size in SIZES
        for name, who, values in (("", "", ours), ("twin_", "the careless twin, ", twins))
    ]


def requests_of(size: int, seed: int) -> list[bytes]:
    prepared = browsing_events(
        demo_items(ITEMS, at=datetime.now(UTC)), visitors=5000, count=EVENTS, seed=seed
    )
    events = [event.value(now_text()) for event in prepared]
    return [post("/v1/events", events_body(events[start : start + size])) for start in range(0, EVENTS, size)]


def _events_per_second(address: str, requests: list[bytes], size: int) -> float:
    rate, _ = saturate(address, requests, connections=CONNECTIONS, seconds=SECONDS, without=b'"status":"re')
    return rate * size
