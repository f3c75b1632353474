"""One visitor is one voice: what an event says about items, and what it must not say."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from models.catalog.build import build_items
from models.catalog.signals.extraction import (
    AGAIN_S,
    CART_WEIGHT,
    COUNTED_MAX,
    LATE_S,
    ORDER_WEIGHT,
    SHARES_MAX,
    ItemInteractions,
    extract,
)
from models.catalog.table import ItemTable
from models.visitor.fold import fold_packed
from models.visitor.state import EventRecord
from schemas.catalog import Item
from schemas.codec import decode_event
from schemas.events import Event
from schemas.ids import ItemId

T0 = 1_760_000_000.0
NEW = b""
"""The packed state of a new visitor."""
I1, I2, I3 = ItemId("i1"), ItemId("i2"), ItemId("i3")
TABLE: ItemTable = build_items(
    [Item(item_id=f"i{n}", title=f"Item {n}", categories=["things"], price=10.0 + n) for n in range(12)],
    {},
    T0,
)


def event(name: str, *items: str, message: str = "m1", at: float = T0, **properties: object) -> Event:
    body = {
        "event": name,
        "message_id": message,
        "anonymous_id": "x",
        "timestamp": datetime.fromtimestamp(at, UTC),
        "properties": {"items": [{"item_id": item} for item in items], **properties},
    }
    return decode_event(msgspec.json.encode(body))


def record(given: Event, *, offset: int = 0, at: float = T0) -> EventRecord:
    return EventRecord(event=given, partition=0, offset=offset, arrival=at, incarnation=1)


def after(*events: Event) -> bytes:
    state = NEW
    for offset, given in enumerate(events):
        state = fold_packed(state, record(given, offset=offset, at=given.timestamp.timestamp()))
    return state


def views(*items: str) -> bytes:
    return after(*(event("view_item", item, message=f"v{n}", at=T0 + n) for n, item in enumerate(items)))


def interactions_of(state: bytes, given: Event, at: float = T0 + 60) -> ItemInteractions | None:
    return extract(state, record(given, offset=99, at=at), TABLE)


def test_a_view_counts_and_is_paired_with_what_was_viewed_before_in_the_session() -> None:
    interactions = interactions_of(views("i1", "i2"), event("view_item", "i3", at=T0 + 60))
    assert interactions == ItemInteractions("views", [I3], "co_viewed", [(I3, I2), (I3, I1)], voice=0.75)


def test_looking_again_in_the_same_session_says_nothing() -> None:
    assert interactions_of(views("i1", "i2"), event("view_item", "i1", at=T0 + 60)) is None


def test_a_new_session_pairs_with_nothing_of_the_last_one() -> None:
    later = T0 + 3600
    interactions = interactions_of(views("i1", "i2"), event("view_item", "i3", at=later), at=later)
    assert interactions == ItemInteractions("views", [I3], voice=0.75)


def test_the_same_view_counts_again_a_day_later() -> None:
    for later, counts in ((T0 + AGAIN_S - 1, False), (T0 + AGAIN_S + 1, True)):
        interactions = interactions_of(views("i1", "i2"), event("view_item", "i1", at=later), at=later)
        assert interactions == (ItemInteractions("views", [I1], voice=0.75) if counts else None)


def test_a_visitor_grows_from_a_quarter_to_one_voice() -> None:
    voices = []
    for seen in range(6):
        interactions = interactions_of(views(*(f"i{n}" for n in range(seen))), event("view_item", "i11"))
        voices.append(interactions.voice if interactions else None)
    assert voices == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("name", ["view_item", "purchase", "share", "add_to_cart"])
def test_what_is_dated_back_does_not_count(name: str) -> None:
    """Else one visitor could come a thousand times in a second, half an hour apart."""
    given = event(name, "i1", at=T0 - LATE_S - 1, transaction_id="t")
    assert interactions_of(NEW, given, at=T0) is None
    assert interactions_of(NEW, event(name, "i1", at=T0 - LATE_S + 1, transaction_id="t"), at=T0) is not None


def test_a_view_dated_back_before_the_session_does_not_count_again() -> None:
    assert interactions_of(views("i1"), event("view_item", "i1", at=T0 - 2000), at=T0 + 60) is None


def test_pairs_are_bounded() -> None:
    interactions = interactions_of(
        views(*(f"i{n}" for n in range(10))), event("view_item", "i11", at=T0 + 60)
    )
    assert interactions is not None
    assert [other for _, other in interactions.pairs] == ["i9", "i8", "i7", "i6", "i5"]


def test_an_item_the_catalogue_does_not_know_says_nothing() -> None:
    assert interactions_of(NEW, event("view_item", "made-up")) is None
    assert interactions_of(NEW, event("view_item", "made-up", "i1")) == ItemInteractions(
        "views", [I1], voice=0.25
    )


def test_an_item_that_left_the_catalogue_is_no_neighbour() -> None:
    interactions = interactions_of(views("gone", "i2"), event("view_item", "i3", at=T0 + 60))
    assert interactions is not None
    assert interactions.pairs == [(I3, I2)]


def test_a_repeated_message_says_nothing() -> None:
    state = after(event("view_item", "i1", message="same"))
    assert interactions_of(state, event("view_item", "i2", message="same", at=T0 + 60)) is None


def test_who_refused_personalization_is_not_counted() -> None:
    refused = after(
        decode_event(
            msgspec.json.encode(
                {
                    "event": "consent_updated",
                    "message_id": "c",
                    "anonymous_id": "x",
                    "timestamp": datetime.fromtimestamp(T0, UTC),
                    "properties": {"purposes": {"personalization": False}},
                }
            )
        )
    )
    assert interactions_of(refused, event("view_item", "i1", at=T0 + 60)) is None


def test_the_cart_pairs_a_newcomer_with_what_lies_in_it() -> None:
    state = after(event("add_to_cart", "i1", message="a"))
    assert interactions_of(state, event("add_to_cart", "i2", at=T0 + 60)) == ItemInteractions(
        "carts", [I2], "co_bought", [(I2, I1)], CART_WEIGHT, 0.5
    )
    assert interactions_of(state, event("add_to_cart", "i1", at=T0 + 60)) is None


def test_an_order_counts_each_item_once_and_pairs_them_all() -> None:
    interactions = interactions_of(NEW, event("purchase", "i1", "i2", "i1", "i3", transaction_id="t"))
    pairs = [(I1, I2), (I1, I3), (I2, I3)]
    assert interactions == ItemInteractions("purchases", [I1, I2, I3], "co_bought", pairs, ORDER_WEIGHT, 0.25)


def test_an_item_bought_again_within_a_day_says_nothing() -> None:
    state = after(event("purchase", "i1", message="a", transaction_id="t"))
    again = interactions_of(state, event("purchase", "i1", "i2", at=T0 + 60, transaction_id="u"))
    assert again == ItemInteractions("purchases", [I2], "co_bought", [], ORDER_WEIGHT, 0.5)
    later = T0 + AGAIN_S + 1
    assert interactions_of(state, event("purchase", "i1", at=later, transaction_id="u"), at=later) is not None


def test_some_shares_of_a_visitor_count() -> None:
    assert interactions_of(NEW, event("share", "i1")) == ItemInteractions("shares", [I1], voice=0.25)
    for before, counts in ((SHARES_MAX - 1, True), (SHARES_MAX, False)):
        state = after(*(event("share", "i1", message=f"s{n}") for n in range(before)))
        assert (interactions_of(state, event("share", "i2")) is not None) == counts


@pytest.mark.parametrize(
    "name", ["page_view", "select_item", "view_cart", "add_to_wishlist", "email_opened", "new"]
)
def test_other_events_say_nothing(name: str) -> None:
    assert interactions_of(NEW, event(name, "i1")) is None


def test_of_an_event_with_hundreds_of_items_some_count() -> None:
    many = [Item(item_id=f"i{n}", title=f"Item {n}", categories=["things"], price=1.0) for n in range(200)]
    table = build_items(many, {}, T0)
    given = event("view_item", *(f"i{n}" for n in range(200)))
    found = extract(NEW, record(given), table)
    assert found is not None
    assert len(found.items) == COUNTED_MAX
