"""What the catalogue knows of an event's items is added, and nothing that the client sent is changed."""

from __future__ import annotations

from typing import Any

import msgspec

from models.catalog.enrichment import enrich_event
from schemas.catalog import Item
from schemas.codec import decode_event
from schemas.events import EVENT_BYTES_MAX, EventItem, ViewItem
from schemas.ids import ItemId

SHOE = Item(
    item_id=ItemId("s1"),
    title="Runner",
    categories=["shoes", "sneakers"],
    price=80.0,
    brand="Pellam",
    colour="red",
)


def event_json(*items: dict[str, Any], name: str = "view_item") -> bytes:
    event = {
        "event": name,
        "message_id": "m1",
        "anonymous_id": "x",
        "timestamp": "2026-11-24T12:00:00Z",
        "properties": {"items": list(items)},
    }
    return msgspec.json.encode(event)


def enrich(value: bytes) -> bytes:
    return enrich_event(decode_event(value), value, {"s1": SHOE}.get)


def enrich_item(item: dict[str, Any]) -> EventItem:
    event = decode_event(enrich(event_json(item)))
    assert isinstance(event, ViewItem)
    (line,) = event.properties.items
    return line


def test_what_the_catalogue_knows_is_added() -> None:
    line = enrich_item({"item_id": "s1"})
    assert (line.item_name, line.item_brand, line.price, line.colour) == ("Runner", "Pellam", 80.0, "red")
    assert (line.item_category, line.item_category2) == ("shoes", "sneakers")


def test_what_the_client_says_stays() -> None:
    line = enrich_item({"item_id": "s1", "price": 60.0, "item_category": "sale"})
    assert (line.price, line.item_category, line.item_category2) == (60.0, "sale", None)
    assert line.item_brand == "Pellam"


def test_an_unknown_item_and_an_unknown_event_are_as_sent() -> None:
    for value in (event_json({"item_id": "nobody"}), event_json({"item_id": "s1"}, name="waved_at_window")):
        assert enrich(value) is value


def test_an_event_with_all_there_is_to_know_is_as_sent() -> None:
    value = enrich(event_json({"item_id": "s1"}))
    assert enrich(value) is value


def test_enrichment_never_makes_an_event_too_large() -> None:
    value = event_json(*[{"item_id": "s1", "coupon": "c" * 130}] * 200)
    assert enrich(value) is value
    assert len(value) <= EVENT_BYTES_MAX
