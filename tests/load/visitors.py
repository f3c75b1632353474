"""Visitors with a history for the gateway's benchmarks, made by the real path: posts, Kafka, worker."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from schemas.ids import VisitorId
from streams.demo.catalogue import demo_items
from tests.load.bed import ITEMS, Gauge
from tests.load.traffic import browsing_events, now_text
from tests.load.wire import Connection, post
from tests.stack import Running, Stack, poll_until


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
            poll_until(lambda b=batch: _send(connection, b), within_s=60, what="events taken")  # type: ignore[misc]
    gauge.wait_drained(60)
    gauge.close()
    return [VisitorId(event.key.decode()) for event in prepared[:visitors]]


def _send(connection: Connection, events: list[bytes]) -> bool:
    """Post what is left of the events; those that are to be sent again stay in the list."""
    status, body = connection.ask(post("/v1/events", events_body(events)))
    assert status == 200, body
    answers = [result["status"] for result in orjson.loads(body)["results"]]
    assert set(answers) <= {"accepted", "retry"}, body[:300]
    events[:] = [event for event, answer in zip(events, answers, strict=True) if answer == "retry"]
    return not events
