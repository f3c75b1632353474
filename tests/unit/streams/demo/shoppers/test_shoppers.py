"""Simulated shoppers follow their preferences, send valid events, and keep to the rate."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from random import Random

import msgspec
import pytest

from schemas.codec import decode_event
from schemas.events import OtherEvent
from streams.demo.catalogue import demo_items
from streams.demo.shoppers.events import EventFactory
from streams.demo.shoppers.preferences import Preferences, choose_product, sample_preferences, utility
from streams.demo.shoppers.rate_limit import RateLimiter
from streams.demo.shoppers.visit import Visit
from streams.runtime.clock import ManualClock
from tests.unit.streams.demo.shoppers.in_memory_shop import InMemoryShop, card_of

AT = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
SNEAKERHEAD = Preferences(
    categories=("sneakers",), brands=("Kestrand",), colours=("teal",), tier=1.0, mean_looks=9,
    cart_chance=0.3, search_chance=0.1,
)  # fmt: skip


async def shop_after_visit(seed: int) -> InMemoryShop:
    shop = InMemoryShop()
    await Visit(shop, EventFactory("s1", "run", lambda: AT, "mobile"), SNEAKERHEAD, Random(seed)).run()
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


def test_a_liked_product_is_chosen_more_often_and_leaving_is_always_possible() -> None:
    cards = {item.item_id: card_of(item) for item in demo_items()}
    sneakers = next(i for i in cards if i.startswith("sneakers"))
    lamp = next(i for i in cards if i.startswith("lamps"))
    assert utility(SNEAKERHEAD, sneakers, cards[sneakers]) > utility(SNEAKERHEAD, lamp, cards[lamp])
    shown = [(lamp, cards[lamp]), (sneakers, cards[sneakers])]
    picked = Counter(choose_product(SNEAKERHEAD, shown, Random(seed), outside=1.0) for seed in range(400))
    assert picked[1] > 2 * picked[0] > 0
    assert picked[None] > 0


def test_people_differ_and_are_the_same_for_a_seed() -> None:
    assert sample_preferences(Random(1)) == sample_preferences(Random(1))
    assert len({sample_preferences(Random(seed)).categories for seed in range(50)}) > 30


async def test_the_rate_holds_for_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, waits = ManualClock(), list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    limiter = RateLimiter(100, clock)
    for _ in range(4):
        await limiter.acquire(5)
    assert waits == pytest.approx([0, 0.05, 0.1, 0.15])
    clock.advance(1)
    await limiter.acquire()
    await limiter.acquire()
    assert waits[4:] == pytest.approx([0, 0.01]), "no burst after a pause"
