"""What may be posted as events: one request cut into events, each judged and completed on its own. No I/O."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from schemas.catalog import Item
from schemas.codec import DECODE_ERRORS, decode_event, encode
from schemas.errors import InvalidEvent
from schemas.events import EVENT_BYTES_MAX, Event, EventItem, OtherEvent
from schemas.ids import VisitorId
from streams.gateway.http.problems import Problem

REQUEST_BYTES_MAX = 500 * 1024
REQUEST_EVENTS_MAX = 2_500
VISITOR_EVENTS_MAX = 16
"""Of one visitor in one request: as many message ids as a visitor's state remembers."""

CATEGORY_FIELDS = ("item_category", "item_category2", "item_category3", "item_category4", "item_category5")
"""GA4's names, from the department down."""

FindItem = Callable[[str], Item | None]


class EventAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one event. `retry`: not, or not surely, written; send it again with its message_id."""

    status: Literal["accepted", "rejected", "retry"]
    message_id: str | None = None
    token: str | None = None
    reason: str | None = None
    field: str | None = None


class Accepted(Struct, frozen=True, kw_only=True):
    """An event ready for the log."""

    message_id: str
    visitor: VisitorId
    value: bytes


class _Batch(Struct):
    events: list[Raw] | UnsetType = UNSET
    batch: list[Raw] | UnsetType = UNSET


_cut = msgspec.json.Decoder(list[Raw] | _Batch).decode
_FIELD = re.compile(r" - at `([^`]+)`$")
_MISSING = re.compile(r"missing required field `([^`]+)`")


def cut_events(body: bytes) -> list[Raw]:
    """The events of a request: a list, `{"events": […]}`, `{"batch": […]}`, or one event alone.

    Problem 400 for what is none of these, 413 for too much.
    """
    try:
        found = _cut(body)
    except DECODE_ERRORS as exc:
        raise Problem(400, f"not a batch of events: {exc}", field="$") from exc
    if isinstance(found, list):
        events = found
    elif found.events is not UNSET:
        events = found.events
    else:
        events = [Raw(body)] if found.batch is UNSET else found.batch
    if len(events) > REQUEST_EVENTS_MAX:
        raise Problem(413, f"{len(events)} events, the limit is {REQUEST_EVENTS_MAX} a request")
    return events


def judge(raws: Sequence[Raw], find_item: FindItem, seen: Counter[VisitorId]) -> list[Accepted | EventAnswer]:
    """Each event ready for the log, or its rejection, in order; `seen` counts the request's by visitor."""
    return [_judge_one(raw, find_item, seen) for raw in raws]


def _judge_one(raw: Raw, find_item: FindItem, seen: Counter[VisitorId]) -> Accepted | EventAnswer:
    size = len(memoryview(raw))
    if size > EVENT_BYTES_MAX:
        return EventAnswer(
            status="rejected", reason=f"{size} bytes, the limit is {EVENT_BYTES_MAX}", field="$"
        )
    value = bytes(raw)
    try:
        event = decode_event(value)
    except InvalidEvent as exc:
        return EventAnswer(status="rejected", reason=str(exc), field=field_named(str(exc)))
    visitor = event.visitor
    seen[visitor] += 1
    if seen[visitor] > VISITOR_EVENTS_MAX:
        reason = f"more than {VISITOR_EVENTS_MAX} events of one visitor in a request"
        return EventAnswer(status="rejected", message_id=event.message_id, reason=reason, field="$")
    return Accepted(
        message_id=event.message_id, visitor=visitor, value=completed_bytes(event, value, find_item)
    )


def field_named(message: str) -> str:
    """The JSON path that a decode error speaks of, e.g. `$.properties.items[3].price`."""
    at = _FIELD.search(message)
    path = at.group(1) if at else "$"
    missing = _MISSING.search(message)
    return f"{path}.{missing.group(1)}" if missing else path


def completed_bytes(event: Event, value: bytes, find_item: FindItem) -> bytes:
    """The event with what the catalogue knows of its items; as sent when there is nothing to add."""
    if isinstance(event, OtherEvent) or not event.properties.items:
        return value
    items = [_complete(line, find_item) for line in event.properties.items]
    if all(new is old for new, old in zip(items, event.properties.items, strict=True)):
        return value
    properties = msgspec.structs.replace(event.properties, items=items)
    longer = encode(msgspec.structs.replace(event, properties=properties))
    return longer if len(longer) <= EVENT_BYTES_MAX else value


def _complete(line: EventItem, find_item: FindItem) -> EventItem:
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
