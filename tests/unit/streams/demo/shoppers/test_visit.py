"""Visits of simulated shoppers follow their preferences and send valid events."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from random import Random

import msgspec

from schemas.codec import decode_event
from schemas.events import OtherEvent
from streams.demo.catalogue import demo_items
from streams.demo.shoppers.events import EventFactory
from streams.demo.shoppers.visit import ShoppingTrip
from tests.unit.streams.demo.shoppers.in_memory_shop import SNEAKERHEAD, InMemoryShop

AT = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


async def shop_after_visit(seed: int) -> InMemoryShop:
    shop = InMemoryShop()
    await ShoppingTrip(shop, EventFactory("s1", "run", lambda: AT, "mobile"), SNEAKERHEAD, Random(seed)).run()
    return shop


async def test_equal_seeds_give_equal_visits() -> None:
    one, same, other = [await shop_after_visit(seed) for seed in (3, 3, 4)]
    assert one.events == same.events
    assert one.requests == same.requests
    assert one.events != other.events


async def test_every_event_has_a_known_name_and_an_id_of_its_own() -> None:
    ids: list[str] = []
    names: set[str] = set()
    for seed in range(25):
        events = (await shop_after_visit(seed)).events
        for event in events:
            assert not isinstance(decode_event(msgspec.json.encode(event)), OtherEvent)
            names.add(event["event"])
        ids = [event["message_id"] for event in events]
        assert len(set(ids)) == len(ids)
    assert {"page_view", "select_item", "view_item", "module_viewed", "add_to_cart", "purchase"} <= names


async def test_a_click_carries_the_decision_that_showed_it() -> None:
    events = (await shop_after_visit(3)).events
    clicks = [event for event in events if event["event"] == "select_item"]
    assert clicks
    assert all(click["decision_id"] == "d1:all" and click["module_id"] == "all" for click in clicks)
    assert all(click["slot_id"].endswith(".row-1") for click in clicks)


async def test_pages_are_asked_for_with_the_token_of_the_last_event() -> None:
    shop = await shop_after_visit(3)
    assert shop.requests[0] == ("home", {"after": "t1"})


async def test_looks_follow_the_preferences() -> None:
    items = {item.item_id: item for item in demo_items()}
    looked: Counter[str] = Counter()
    for seed in range(30):
        for event in (await shop_after_visit(seed)).events:
            if event["event"] == "view_item":
                looked[items[event["properties"]["items"][0]["item_id"]].category] += 1
    sneakers_on_show = sum(item.category == "sneakers" for item in InMemoryShop().items) / 40
    assert looked["sneakers"] / looked.total() > 2 * sneakers_on_show
