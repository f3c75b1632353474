"""The door of `events.v1`: whatever comes, it is an event or InvalidEvent, and fold can take it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.visitor.fold import fold
from models.visitor.packing import pack
from models.visitor.state import EMPTY
from schemas.codec import decode_event, encode
from schemas.contracts_tool import folder
from schemas.errors import InvalidEvent
from schemas.events import EVENT_BYTES_MAX, Known, ViewItem, WithItems
from schemas.topics import EVENTS
from tests.events_strategies import NOW, bodies, record

EXAMPLES = [path.read_bytes() for path in sorted((folder(EVENTS) / "examples").glob("*.json"))]
VIEW: dict[str, Any] = json.loads((folder(EVENTS) / "examples" / "view_item.json").read_bytes())


def view(**changed: Any) -> bytes:
    return json.dumps(VIEW | changed).encode()


def refusal(raw: bytes) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        decode_event(raw)
    return caught.value


def only_invalid(raw: bytes) -> None:
    """Decode and, when it is an event, fold and pack: nothing but InvalidEvent may come out."""
    try:
        event = decode_event(raw)
    except InvalidEvent:
        return
    pack(fold(EMPTY, record(event, 0, NOW.timestamp())))


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    only_invalid(raw)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*VIEW, "kind", "context", "user_id"]), json_values, max_size=5))
def test_any_json_in_any_field(changed: dict[str, Any]) -> None:
    only_invalid(json.dumps(VIEW | changed).encode())


@given(bodies(), st.data())
def test_an_event_damaged_anywhere(body: dict[str, Any], data: st.DataObject) -> None:
    raw = bytearray(msgspec.json.encode(body))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    only_invalid(bytes(raw))


@given(st.sampled_from(EXAMPLES), st.integers(0, 2_000))
def test_an_event_cut_anywhere(raw: bytes, end: int) -> None:
    only_invalid(raw[:end])


@given(st.sampled_from(EXAMPLES), st.dictionaries(st.text(min_size=1, max_size=10), json_values, max_size=3))
def test_names_we_do_not_know_are_ignored(raw: bytes, extra: dict[str, Any]) -> None:
    body = json.loads(raw)
    added = {f"x_{name}": value for name, value in extra.items()}
    more = body | added | {"properties": body.get("properties", {}) | added}
    assert decode_event(_json(more)) == decode_event(_json(body | {"properties": body.get("properties", {})}))


def _json(body: dict[str, Any]) -> bytes:
    """Infinite and undefined numbers have no JSON; they stand for nothing here."""
    return msgspec.json.encode(body)


def test_the_limit_is_32_kib_to_the_byte() -> None:
    room = EVENT_BYTES_MAX - len(view(padding=""))
    assert isinstance(decode_event(view(padding="x" * room)), ViewItem)
    assert refusal(view(padding="x" * (room + 1))).reason == "too_large"


@pytest.mark.parametrize("depth", [1_000, 16_000, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    raw = view(properties="DEEP").replace(b'"DEEP"', b'{"a":' * depth + b"1" + b"}" * depth)
    assert refusal(raw).reason == ("too_large" if len(raw) > EVENT_BYTES_MAX else "invalid")
    only_invalid(b"[" * depth)


@pytest.mark.parametrize(
    "number", ["1e999", "-1e999", "1" + "0" * 400, "NaN", "Infinity", "0x10", "1e", "--1"]
)
@pytest.mark.parametrize("field", ["price", "quantity", "index", "value", "engagement_time_msec", "extra"])
def test_huge_and_odd_numbers(field: str, number: str) -> None:
    item = {"item_id": "a", field: "HERE"}
    raw = view(properties={"items": [item], field: "HERE"}).replace(b'"HERE"', number.encode())
    only_invalid(raw)
    if field == "price" and number in ("0x10", "1e", "--1"):
        assert refusal(raw).reason == "invalid"
    elif field == "price":
        event = decode_event(raw)
        assert isinstance(event, ViewItem)
        assert event.properties.items[0].price is None


@pytest.mark.parametrize("field", ["message_id", "user_id", "event"])
@pytest.mark.parametrize("text", [r"\ud800", r"\udc00 low first \ud800", r"\ud83d", r"x\udfff"])
def test_an_identity_of_lone_surrogates_is_refused(field: str, text: str) -> None:
    assert refusal(view(**{field: "HERE"}).replace(b"HERE", text.encode())).reason == "invalid"


@pytest.mark.parametrize("field", ["session_id", "module_id"])
@pytest.mark.parametrize("text", [r"\ud800", r"\udc00 low first \ud800", r"\ud83d", r"x\udfff"])
def test_lone_surrogates_elsewhere_are_replaced(field: str, text: str) -> None:
    event = decode_event(view(**{field: "HERE"}).replace(b"HERE", text.encode()))
    assert "\ufffd" in getattr(event, field)
    encode(event)


@pytest.mark.parametrize(
    "moment",
    [
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "1970-01-01T00:00:00Z",
        "2099-01-01T00:00:00Z",
    ],
)
def test_the_ends_of_time_fold(moment: str) -> None:
    for changed in ({"timestamp": moment}, {"sent_at": moment}, {"timestamp": moment, "sent_at": moment}):
        event = decode_event(view(**changed))
        state = fold(EMPTY, record(event, 0, NOW.timestamp()))
        assert 0 <= state.at <= NOW.timestamp()
        assert pack(state)


@pytest.mark.parametrize("moment", ["0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "2026-13-01T00:00:00Z"])
def test_dates_that_do_not_exist_are_refused(moment: str) -> None:
    assert "timestamp" in str(refusal(view(timestamp=moment)))


def test_of_two_equal_names_the_last_counts() -> None:
    raw = view(session_id="first")[:-1] + b', "session_id": "second"}'
    event = decode_event(raw)
    assert isinstance(event, Known)
    assert event.session_id == "second"


def test_two_event_names_cannot_pass_as_another_kind() -> None:
    """Whatever name wins, the fields are those of that name."""
    raw = view()[:-1] + b', "event": "search"}'
    only_invalid(raw)
    event = decode_event(view(extra={"event": "search"}))
    assert isinstance(event, ViewItem)


def test_a_producer_with_newer_fields_and_a_reader_with_fewer_agree() -> None:
    """Adding an optional field is compatible both ways."""

    class NewerView(WithItems, frozen=True, kw_only=True, tag="view_item"):
        store_id: str | None = None

    old = view()
    assert msgspec.json.decode(old, type=NewerView).store_id is None
    new = msgspec.json.decode(view(store_id="Utrecht"), type=NewerView)
    assert decode_event(msgspec.json.encode(new)) == decode_event(old)
