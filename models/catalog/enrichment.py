"""What the catalogue adds to a posted event: names, brands, categories, prices and colours of its items.

Done once, when the event is taken in: the fold needs no catalogue, and a replay not that of the day. What the
client sent itself is never overwritten.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from schemas.catalog import Item
from schemas.codec import encode
from schemas.events import EVENT_BYTES_MAX, Event, EventItem, OtherEvent

CATEGORY_FIELDS = ("item_category", "item_category2", "item_category3", "item_category4", "item_category5")
"""GA4's names, from the department down."""

FindItem = Callable[[str], Item | None]
"""The catalogue's item of an id, None for one it does not have."""


def enrich_event(event: Event, value: bytes, find_item: FindItem) -> bytes:
    """The bytes of an event with what the catalogue knows of its items.

    Args:
        event: the decoded event.
        value: the bytes it was decoded from.
        find_item: the catalogue.

    Returns:
        `value` itself when there is nothing to add, when the event's type is not ours, or when the longer
        event would pass EVENT_BYTES_MAX bytes.
    """
    if isinstance(event, OtherEvent) or not event.properties.items:
        return value
    items = [_enrich_line(line, find_item) for line in event.properties.items]
    if all(new is old for new, old in zip(items, event.properties.items, strict=True)):
        return value
    properties = msgspec.structs.replace(event.properties, items=items)
    longer = encode(msgspec.structs.replace(event, properties=properties))
    return longer if len(longer) <= EVENT_BYTES_MAX else value


def _enrich_line(line: EventItem, find_item: FindItem) -> EventItem:
    """A line of items[] with its missing name, brand, categories, price and colour."""
    given = (line.item_name, line.item_brand, line.item_category, line.price, line.colour)
    if None not in given:
        return line
    item = find_item(line.item_id)
    if item is None:
        return line
    known = {"item_name": item.title, "item_brand": item.brand, "price": item.price, "colour": item.colour}
    missing = {
        name: value for name, value in known.items() if value is not None and getattr(line, name) is None
    }
    if line.item_category is None:
        missing |= dict(zip(CATEGORY_FIELDS, item.categories, strict=False))
    return msgspec.structs.replace(line, **missing) if missing else line
