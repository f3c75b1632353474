"""Simulated shoppers follow their taste, speak the contract, and keep to the pace."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from random import Random

import msgspec

from schemas.codec import decode_event
from schemas.events import OtherEvent
from streams.demo.catalogue import demo_items
from streams.demo.shoppers.acts import Acts
from streams.demo.shoppers.pace import Pace
from streams.demo.shoppers.tastes import Taste, appeal, choose, taste_of
from streams.demo.shoppers.visit import Visit
from tests.unit.streams.demo.shoppers.in_memory_shop import InMemoryShop, card_of

AT = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
SNEAKERHEAD = Taste(
    categories=("sneakers",), brands=("Kestrand",), colours=("teal",), tier=1.0, patience=9, eagerness=0.3,
    searches=0.1,
)  # fmt: skip


async def visited(seed: int, taste: Taste = SNEAKERHEAD) -> InMemoryShop:
    shop = InMemoryShop()
    await Visit(shop, Acts("s1", "run", lambda: AT, "mobile"), taste, Random(seed)).run()
    return shop


async def test_equal_seeds_give_equal_visits() -> None:
    one, same, other = await visited(3), await visited(3), await visited(4)
    assert one.acts == same.acts
    assert one.asked == same.asked
    assert one.acts != other.acts


async def test_every_act_is_a_known_event_with_an_id_of_its_own() -> None:
    ids: list[str] = []
    names: set[str] = set()
    for seed in range(25):
        acts = (await visited(seed)).acts
        for act in acts:
            event = decode_event(msgspec.json.encode(act))
            assert not isinstance(event, OtherEvent)
            names.add(act["event"])
        ids = [act["message_id"] for act in acts]
        assert len(set(ids)) == len(ids)
    assert {"page_view", "select_item", "view_item", "module_viewed", "add_to_cart", "purchase"} <= names


async def test_a_click_carries_the_decision_that_showed_it() -> None:
    acts = (await visited(3)).acts
    clicks = [act for act in acts if act["event"] == "select_item"]
    assert clicks
    assert all(act["decision_id"] == "d1:all" and act["module_id"] == "all" for act in clicks)
    assert all(act["slot_id"].endswith(".row-1") for act in clicks)


async def test_pages_are_asked_for_with_the_token_of_the_last_event() -> None:
    shop = await visited(3)
    assert shop.asked[0] == ("home", {"after": "t1"})


async def test_looks_follow_the_taste() -> None:
    items = {item.item_id: item for item in demo_items()}
    looked: Counter[str] = Counter()
    for seed in range(30):
        for act in (await visited(seed)).acts:
            if act["event"] == "view_item":
                looked[items[act["properties"]["items"][0]["item_id"]].category] += 1
    sneakers_on_show = sum(item.category == "sneakers" for item in InMemoryShop().items) / 40
    assert looked["sneakers"] / looked.total() > 2 * sneakers_on_show


def test_a_liked_product_is_chosen_more_often_and_leaving_is_always_possible() -> None:
    cards = {item.item_id: card_of(item) for item in demo_items()}
    sneakers = next(i for i in cards if i.startswith("sneakers"))
    lamp = next(i for i in cards if i.startswith("lamps"))
    assert appeal(SNEAKERHEAD, sneakers, cards[sneakers]) > appeal(SNEAKERHEAD, lamp, cards[lamp])
    shown = [(lamp, cards[lamp]), (sneakers, cards[sneakers])]
    picked = Counter(choose(SNEAKERHEAD, shown, Random(seed), leave=1.0) for seed in range(400))
    assert picked[1] > 2 * picked[0] > 0
    assert picked[None] > 0


def test_people_differ_and_are_the_same_for_a_seed() -> None:
    assert taste_of(Random(1)) == taste_of(Random(1))
    assert len({taste_of(Random(seed)).categories for seed in range(50)}) > 30


async def test_the_pace_holds_for_all_together() -> None:
    pace = Pace(rate=100)
    loop = asyncio.get_running_loop()
    started = loop.time()
    await asyncio.gather(*(pace.turn(5) for _ in range(6)))
    assert loop.time() - started >= 0.25 * 0.95
