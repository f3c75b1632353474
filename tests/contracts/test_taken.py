"""What is taken as an event is what `taken.json` says, both ways; what is made of it fits `schema.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec import Struct

from schemas.codec import decode_event, decode_with_notes
from schemas.contracts_tool import folder, schema_of
from schemas.errors import InvalidEvent
from schemas.events import EVENT_NAMES, OtherEvent
from schemas.intake.notes import NOTES_MAX
from schemas.intake.taken_schema import taken_schema
from schemas.topics import EVENTS
from tests.contracts.schema_values import ANYTHING, values_of
from tests.events_strategies import bodies

TAKEN, FITS = taken_schema(), schema_of(EVENTS)
IS_TAKEN, IS_EVENT = Draft202012Validator(TAKEN), Draft202012Validator(FITS)
MENDED = sorted((folder(EVENTS) / "mended").glob("*.json"))
DEFINITIONS = [name for name in FITS["$defs"] if "event" in FITS["$defs"][name].get("properties", {})]
FIELDS = [
    *TAKEN["properties"],
    "channel",
    "context",
    "properties",
    "sent_at",
    "session_id",
    "index",
    "chanel",
]

calm = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


class Mended(Struct, frozen=True, forbid_unknown_fields=True):
    """An event that is taken though it does not fit: its `value`, or its `raw` text, and what is noted."""

    notes: list[str]
    value: Any = None
    raw: str | None = None
    teaches_nothing: bool = False


def is_taken(body: Any) -> bool:
    try:
        decode_event(msgspec.json.encode(body))
    except InvalidEvent:
        return False
    return True


def check_result(raw: bytes) -> None:
    """What is made of an event fits, decodes to the same, and is not changed again."""
    decoded = decode_with_notes(raw)
    again = decode_with_notes(decoded.value)
    assert again.event == decoded.event
    assert again.value == decoded.value
    assert len(decoded.notes) <= NOTES_MAX + 1
    if not isinstance(decoded.event, OtherEvent) or decoded.event.event not in EVENT_NAMES:
        IS_EVENT.validate(json.loads(decoded.value))


@calm
@given(values_of(TAKEN, TAKEN), st.data())
def test_what_the_schema_admits_is_taken(body: dict[str, Any], data: st.DataObject) -> None:
    known = st.sampled_from(EVENT_NAMES)
    body |= {"event": data.draw(known | st.just("wheel_spun"))} | data.draw(
        st.dictionaries(st.sampled_from(FIELDS[5:]), ANYTHING, max_size=4)
    )
    body |= {"anonymous_id": "somebody"} if not IS_TAKEN.is_valid(body) else {}
    assume(IS_TAKEN.is_valid(body))
    check_result(msgspec.json.encode(body))


@calm
@given(
    bodies(),
    st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=3),
    st.sets(st.sampled_from(FIELDS), max_size=2),
)
def test_what_is_taken_the_schema_admits(
    body: dict[str, Any], changed: dict[str, Any], missing: set[str]
) -> None:
    sent = {name: value for name, value in (body | changed).items() if name not in missing}
    sent = json.loads(msgspec.json.encode(sent))
    assert is_taken(sent) == IS_TAKEN.is_valid(sent)


@calm
@given(st.data())
def test_what_an_event_is_by_the_schema_is_taken_as_it_is(data: st.DataObject) -> None:
    part = FITS["$defs"][data.draw(st.sampled_from(DEFINITIONS))]
    body = data.draw(values_of(part, FITS))
    assume(IS_EVENT.is_valid(body))
    raw = msgspec.json.encode(body)
    decoded = decode_with_notes(raw)
    assert [note.done for note in decoded.notes] in ([], ["unknown"])
    assert len(decoded.notes) == 0 or isinstance(decoded.event, OtherEvent)
    assert decode_event(decoded.value) == decoded.event


@calm
@given(bodies(), st.data())
def test_any_value_in_any_optional_field_is_taken(body: dict[str, Any], data: st.DataObject) -> None:
    properties = body.setdefault("properties", {})
    where = data.draw(st.sampled_from([body, properties, *properties.get("items", [])]))
    names = [name for name in (*where, "price", "quantity", "context") if name not in TAKEN["properties"]]
    where[data.draw(st.sampled_from(names))] = data.draw(ANYTHING)
    check_result(msgspec.json.encode(body))


@pytest.mark.parametrize("path", MENDED, ids=lambda path: path.stem)
def test_every_mended_example_is_taken_as_it_says(path: Path) -> None:
    example = msgspec.json.decode(path.read_bytes(), type=Mended)
    raw = msgspec.json.encode(example.value) if example.raw is None else example.raw.encode()
    decoded = decode_with_notes(raw)
    assert [f"{note.field} {note.done}" for note in decoded.notes] == example.notes
    assert isinstance(decoded.event, OtherEvent) == example.teaches_nothing
    check_result(raw)
    if example.raw is None:
        IS_TAKEN.validate(example.value)
