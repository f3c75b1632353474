"""A posted request split into events, each validated and enriched on its own."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas.catalog import Item
from schemas.codec import decode_event, decode_with_notes
from schemas.events import EVENT_BYTES_MAX
from schemas.ids import ItemId
from streams.gateway.events.intake.validation import (
    REASON_MAX,
    REQUEST_EVENTS_MAX,
    EventAnswer,
    ValidEvent,
    split_events,
    validate_events,
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


def validate(*events: Any) -> list[ValidEvent | EventAnswer]:
    raws = split_events(msgspec.json.encode(list(events)))
    return validate_events(raws, {"s1": SHOE}.get)


def only(*events: Any) -> ValidEvent | EventAnswer:
    (one,) = validate(*events)
    return one


@pytest.mark.parametrize(
    "wrap", [lambda e: [e], lambda e: {"events": [e]}, lambda e: {"batch": [e]}, lambda e: e]
)
def test_four_ways_to_post(wrap: Any) -> None:
    (raw,) = split_events(msgspec.json.encode(wrap(view())))
    assert decode_event(bytes(raw)).message_id == "m1"


@pytest.mark.parametrize("body", [b"", b"nonsense", b"5", b'"text"', b'{"events": 5}', b"[" * 5000, b"\xff"])
def test_what_is_no_batch_is_refused(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        split_events(body)
    assert refused.value.status == 400


def test_too_many_events_are_refused() -> None:
    with pytest.raises(Problem) as refused:
        split_events(b"[" + b",".join([b"{}"] * (REQUEST_EVENTS_MAX + 1)) + b"]")
    assert refused.value.status == 413


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (5, "$"),
        ({"event": "view_item", "message_id": "m"}, "$.timestamp"),
        (view(message_id=["m"]), "$.message_id"),
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


@pytest.mark.parametrize(
    ("event", "note"),
    [
        (view(message_id=7), ("$.message_id", "converted")),
        (view(item={"item_id": "s1", "price": "dear"}), ("$.properties.items[0].price", "dropped")),
        (view(item={"item_id": "s1", "quantity": 0}), ("$.properties.items[0].quantity", "dropped")),
        (view(chanel="app"), ("$.chanel", "unknown")),
        (view(event="viewitem"), ("$.event", "unknown")),
    ],
)
def test_a_note_names_the_field(event: Any, note: tuple[str, str]) -> None:
    answer = only(event)
    assert isinstance(answer, ValidEvent)
    assert [(one.field, one.done) for one in answer.notes] == [note]
    assert decode_with_notes(answer.value).value == answer.value, "what is written fits"


def test_a_misspelt_id_is_named_in_the_rejection() -> None:
    event = view(messageId="m1")
    del event["message_id"]
    answer = only(event)
    assert isinstance(answer, EventAnswer)
    assert "did you mean message_id?" in (answer.reason or "")
    assert answer.field == "$.message_id"


def test_a_bad_event_does_not_spoil_its_neighbours() -> None:
    statuses = [type(one) for one in validate(view(1), {"event": "view_item"}, view(2))]
    assert statuses == [ValidEvent, EventAnswer, ValidEvent]


def test_a_large_event_is_rejected() -> None:
    answer = only(view(extra="x" * EVENT_BYTES_MAX))
    assert isinstance(answer, EventAnswer)
    assert "limit" in (answer.reason or "")


def test_a_request_may_hold_a_whole_queue_of_one_visitor() -> None:
    assert all(isinstance(one, ValidEvent) for one in validate(*(view(n) for n in range(400))))


def test_what_the_catalogue_knows_is_added() -> None:
    event = only(view())
    assert isinstance(event, ValidEvent)
    assert b'"item_brand":"Pellam"' in event.value


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_no_event_is_deeper_than_every_process_can_decode(opening: str) -> None:
    """A worker that could not would bury it, and halt after a hundred of them."""
    inner = opening * 950 + ("1" if opening != "[" else "") + {"[": "]"}.get(opening, "}") * 950
    text = msgspec.json.encode(view()).decode().removesuffix("}") + f',"extra":{inner}}}'
    (answer,) = validate_events(split_events(text.encode()), {"s1": SHOE}.get)
    assert isinstance(answer, EventAnswer)
    assert answer.status == "rejected"


def test_two_hundred_items_are_no_deep_event() -> None:
    items = [{"item_id": f"s{number}", "extra": {"a": [1]}} for number in range(200)]
    assert isinstance(only(view() | {"properties": {"items": items}}), ValidEvent)


def test_a_rejection_does_not_repeat_a_long_value() -> None:
    answer = only(view(message_id="x" * 20_000))
    assert isinstance(answer, EventAnswer)
    assert len(answer.reason or "") <= REASON_MAX


@pytest.mark.parametrize("extra", [b'"\xff"', b'{"\xc0\xaf":1}'], ids=["value", "name"])
def test_what_is_not_utf_8_is_rejected_in_fields_that_we_do_not_know_too(extra: bytes) -> None:
    """Whoever else reads the topic looks at them."""
    text = msgspec.json.encode(view()).removesuffix(b"}") + b',"extra":%b}' % extra
    (answer,) = validate_events(split_events(text), {"s1": SHOE}.get)
    assert isinstance(answer, EventAnswer)
    assert (answer.status, answer.reason) == ("rejected", "not UTF-8")
