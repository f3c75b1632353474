"""Visitors with a history for the gateway's benchmarks, made by the real path: posts, Kafka, worker."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from schemas.ids import VisitorId
from streams.demo.catalogue import demo_items
from tests.load.bed import ITEMS, Gauge
from tests.load.traffic import browsing_events, now_text
from tests.load.wire import Connection, post
from tests.stack import Running, Stack


def events_body(events: list[bytes]) -> bytes:
    return b'{"events":[' + b",".join(events) + b"]}"


def walk_in(stack: Stack, gateway: Running, *, visitors: int, each: int, seed: int = 7) -> list[VisitorId]:
    """Post `each` events for `visitors` visitors and wait until all are applied."""
    prepared = browsing_events(
        demo_items(ITEMS, at=datetime.now(UTC)), visitors=visitors, count=visitors * each, seed=seed
    )
    gauge = Gauge(stack)
    with Connection(gateway.address) as connection:
        for start in range(0, len(prepared), 200):
            batch = [event.value(now_text()) for event in prepared[start : start + 200]]
            status, body = connection.ask(post("/v1/events", events_body(batch)))
            results = orjson.loads(body)["results"]
            assert status == 200, body
            assert all(result["status"] == "accepted" for result in results), results[:3]
    gauge.wait_drained(60)
    gauge.close()
    return [VisitorId(event.key.decode()) for event in prepared[:visitors]]
