"""The crowd's counts are combined for a window, bounded, and never stop the worker."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

import msgspec
import pytest

from models.catalog.build import build_items
from models.catalog.signals import gain_limits
from models.storefront.shop import Shop, build_shop
from models.visitor.state import EventRecord
from schemas.catalog import Item
from schemas.codec import decode_event
from schemas.ids import ItemId
from schemas.signals import Delta
from streams.runtime.clock import ManualClock
from streams.runtime.telemetry.metrics import Metrics
from streams.workers.signals import combiner
from streams.workers.signals.combiner import SignalCombiner

T0 = 1_760_000_000.0


@pytest.fixture(scope="module")
def shop() -> Shop:
    items = [Item(item_id=f"i{n}", title=f"Item {n}", categories=["x"], price=1.0) for n in range(200)]
    return build_shop(build_items(items, {}, T0))


VISITORS = count()


def purchase(*items: str, at: float = T0, visitor: str = "") -> EventRecord:
    """Of a visitor of its own, unless one is named."""
    body = {
        "event": "purchase",
        "message_id": "m",
        "anonymous_id": visitor or f"v{next(VISITORS)}",
        "timestamp": datetime.fromtimestamp(at, UTC),
        "properties": {"transaction_id": "t", "items": [{"item_id": item} for item in items]},
    }
    return EventRecord(
        decode_event(msgspec.json.encode(body)), partition=0, offset=0, arrival=at, incarnation=1
    )


def counter(metrics: Metrics | None = None) -> SignalCombiner:
    return SignalCombiner("shop", metrics or Metrics(), ManualClock(T0))


def test_events_of_a_window_become_one_delta_an_item(shop: Shop) -> None:
    combined = counter()
    combined.add(b"", purchase("i1", "i2"), shop)
    combined.add(b"", purchase("i1", "i3", at=T0 + 0.5), shop)
    deltas = {delta.item_id: delta for delta in combined.drain()}
    one, two, three = ItemId("i1"), ItemId("i2"), ItemId("i3")
    assert deltas == {
        one: Delta(item_id=one, at=T0 + 0.5, purchases=0.5, co_bought={two: 0.75, three: 0.75}),
        two: Delta(item_id=two, at=T0, purchases=0.25, co_bought={one: 0.75}),
        three: Delta(item_id=three, at=T0 + 0.5, purchases=0.25, co_bought={one: 0.75}),
    }
    assert combined.drain() == []


def test_records_read_again_long_after_are_not_counted(shop: Shop) -> None:
    combined = counter()
    combined.add(b"", purchase("i1", at=T0 - combiner.COUNT_WITHIN_S - 1), shop)
    assert combined.drain() == []


def test_a_visitor_is_one_voice_of_an_item_whatever_its_state_has_forgotten(shop: Shop) -> None:
    """A state knows the last eight orders: one visitor was 363 voices an hour."""
    combined = counter()
    for _ in range(10):
        combined.add(b"", purchase("i1", "i2", visitor="ann"), shop)
    assert {delta.item_id: delta.purchases for delta in combined.drain()} == {"i1": 0.25, "i2": 0.25}


def test_a_window_is_bounded(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(combiner, "ITEMS_MAX", 2)
    metrics = Metrics()
    combined = counter(metrics)
    combined.add(b"", purchase("i1", "i2", "i3"), shop)
    assert len(combined.drain()) == 2
    assert b'etalage_deltas_total{direction="dropped"}' in metrics.render()


def test_a_delta_carries_the_heaviest_neighbours_only(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gain_limits, "ROOM_MIN", 1000.0)
    combined = counter()
    for n in range(1, 150):
        combined.add(b"", purchase("i0", f"i{n}"), shop)
    combined.add(b"", purchase("i0", "i149"), shop)
    delta = next(delta for delta in combined.drain() if delta.item_id == "i0")
    assert len(delta.co_bought) == combiner.NEIGHBOURS_MAX
    assert delta.co_bought[ItemId("i149")] == 6 / 4


def test_an_item_gains_what_the_shop_is_used_to(shop: Shop) -> None:
    """What was let through is counted, its pairs are as heavy, and what was not is counted by the metric."""
    metrics, clock = Metrics(), ManualClock(T0)
    combined = SignalCombiner("shop", metrics, clock)
    for _ in range(100):
        combined.add(b"", purchase("i1", "i2"), shop)
    clock.advance(1.0)
    one, two = combined.drain()
    assert (one.purchases, two.purchases) == (gain_limits.ROOM_MIN, gain_limits.ROOM_MIN)
    assert one.co_bought == {ItemId("i2"): 3 * gain_limits.ROOM_MIN}
    assert b'etalage_voices_limited_total{reason="item"} 46.0' in metrics.render()
    assert combined.drain() == []


class Broken:
    """A producer whose Kafka is away."""

    async def partitions_for(self, topic: str) -> Any:
        raise OSError("no Kafka")


async def test_a_window_that_cannot_be_sent_is_lost_and_counted(shop: Shop) -> None:
    metrics = Metrics()
    combined = counter(metrics)
    combined.start(Broken())
    combined.add(b"", purchase("i1", "i2"), shop)
    await combined.stop()
    assert b'etalage_deltas_total{direction="dropped"} 2.0' in metrics.render()
    assert combined.drain() == []
