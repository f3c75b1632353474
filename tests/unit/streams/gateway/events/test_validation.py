"""A posted request cut into events, each judged and completed on its own."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from schemas.catalog import Item
from schemas.codec import decode_event
from schemas.events import EVENT_BYTES_MAX, ViewItem
from schemas.ids import ItemId, VisitorId
from streams.gateway.events.validation import (
    REQUEST_EVENTS_MAX,
    VISITOR_EVENTS_MAX,
    Accepted,
    EventAnswer,
    cut_events,
    judge,
)
from streams.gateway.http.problems import Problem

SHOE = Item(
    item_id=ItemId("s1"),
    title="Runner",
    categories=["shoes", "sneakers"],
    price=80.0,
    brand="Pellam",
    colour="red",
)


def view(n: int = 1, visitor: str = "x", item: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "event": "view_item",
        "message_id": f"m{n}",
        "anonymous_id": visitor,
        "timestamp": "2026-11-24T12:00:00Z",
        "properties": {"items": [item or {"item_id": "s1"}]},
        **more,
    }


def judged(*events: Any) -> list[Accepted | EventAnswer]:
    raws = cut_events(msgspec.json.encode(list(events)))
    return judge(raws, {"s1": SHOE}.get, Counter[VisitorId]())


def only(*events: Any) -> Accepted | EventAnswer:
    (one,) = judged(*events)
    return one


@pytest.mark.parametrize(
    "wrap", [lambda e: [e], lambda e: {"events": [e]}, lambda e: {"batch": [e]}, lambda e: e]
)
def test_four_ways_to_post(wrap: Any) -> None:
    (raw,) = cut_events(msgspec.json.encode(wrap(view())))
    assert decode_event(bytes(raw)).message_id == "m1"


@pytest.mark.parametrize("body", [b"", b"nonsense", b"5", b'"text"', b'{"events": 5}', b"[" * 5000, b"\xff"])
def test_what_is_no_batch_is_refused(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        cut_events(body)
    assert refused.value.status == 400


def test_too_many_events_are_refused() -> None:
    with pytest.raises(Problem) as refused:
        cut_events(b"[" + b",".join([b"{}"] * (REQUEST_EVENTS_MAX + 1)) + b"]")
    assert refused.value.status == 413


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (5, "$"),
        ({"event": "view_item", "message_id": "m"}, "$.timestamp"),
        (view(message_id=7), "$.message_id"),
        (view(item={"item_id": "s1", "price": "dear"}), "$.properties.items[0].price"),
        (view(item={"item_id": "s1", "quantity": 0}), "$.properties.items[0].quantity"),
        (view(anonymous_id="has blank"), "$.anonymous_id"),
        (view(kind="erase"), "$.kind"),
        ({k: v for k, v in view().items() if k != "anonymous_id"}, "$"),
    ],
)
def test_a_rejection_names_the_field(event: Any, field: str) -> None:
    answer = only(event)
    assert isinstance(answer, EventAnswer)
    assert (answer.status, answer.field) == ("rejected", field)
    assert answer.reason


def test_a_bad_event_does_not_spoil_its_neighbours() -> None:
    statuses = [type(one) for one in judged(view(1), {"event": "view_item"}, view(2))]
    assert statuses == [Accepted, EventAnswer, Accepted]


def test_a_large_event_is_rejected() -> None:
    answer = only(view(extra="x" * EVENT_BYTES_MAX))
    assert isinstance(answer, EventAnswer)
    assert "limit" in (answer.reason or "")


def test_sixteen_events_of_a_visitor() -> None:
    events = [view(n) for n in range(VISITOR_EVENTS_MAX + 1)] + [view(99, visitor="y")]
    answers = judged(*events)
    assert [isinstance(a, Accepted) for a in answers] == [True] * VISITOR_EVENTS_MAX + [False, True]


def test_what_the_catalogue_knows_is_added() -> None:
    one = only(view())
    assert isinstance(one, Accepted)
    event = decode_event(one.value)
    assert isinstance(event, ViewItem)
    (line,) = event.properties.items
    assert (line.item_name, line.item_brand, line.price, line.colour) == ("Runner", "Pellam", 80.0, "red")
    assert (line.item_category, line.item_category2) == ("shoes", "sneakers")


def test_what_the_client_says_stays() -> None:
    one = only(view(item={"item_id": "s1", "price": 60.0, "item_category": "sale"}))
    assert isinstance(one, Accepted)
    event = decode_event(one.value)
    assert isinstance(event, ViewItem)
    (line,) = event.properties.items
    assert (line.price, line.item_category, line.item_category2) == (60.0, "sale", None)
    assert line.item_brand == "Pellam"


def test_an_unknown_item_and_an_unknown_name_go_as_they_came() -> None:
    for event in (view(item={"item_id": "nobody"}), view(event="waved_at_window")):
        one = only(event)
        assert isinstance(one, Accepted)
        assert one.value == msgspec.json.encode(event)


def test_completion_never_makes_an_event_too_large() -> None:
    items = [{"item_id": "s1", "coupon": "c" * 130}] * 200
    one = only(view() | {"properties": {"items": items}})
    assert isinstance(one, Accepted)
    assert len(one.value) <= EVENT_BYTES_MAX
