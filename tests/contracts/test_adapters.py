"""One suite over all adapters: what their examples become, and what holds for whatever is sent."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.adapters.all_adapters import ADAPTERS
from schemas.adapters.conversions import epoch
from schemas.adapters.mapping import Adapter, Ignored, convert
from schemas.codec import decode_event
from schemas.errors import InvalidEvent
from schemas.events import EVENT_NAMES, ITEMS_MAX

EXAMPLES = Path(__file__).parents[2] / "schemas" / "adapters" / "examples"
ARRIVED = datetime(2026, 11, 24, 15, 5, tzinfo=UTC)

Json = dict[str, Any]


def examples(adapter: Adapter) -> list[Json]:
    found: list[Json] = msgspec.json.decode((EXAMPLES / f"{adapter.name}.json").read_bytes())
    return found


CASES = [
    pytest.param(adapter, example, id=f"{adapter.name}: {example['title']}")
    for adapter in ADAPTERS.values()
    for example in examples(adapter)
]
ALL = pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=list(ADAPTERS))


def answer(adapter: Adapter, event: Any) -> Json:
    """What an example says: our event, why it is ignored, or with `refused` why it is not taken."""
    ours = convert(adapter, event, ARRIVED)
    if isinstance(ours, Ignored):
        return {"ignored": ours.reason}
    try:
        decode_event(msgspec.json.encode(ours))
    except InvalidEvent as exc:
        return ours | {"refused": str(exc)}
    return ours


@pytest.mark.parametrize(("adapter", "example"), CASES)
def test_an_example_becomes_what_stands_beside_it(adapter: Adapter, example: Json) -> None:
    assert [answer(adapter, event) for event in adapter.split(example["body"])] == example["events"]


@ALL
def test_every_rule_has_an_example(adapter: Adapter) -> None:
    examples_of = ADAPTERS[SHARED.get(adapter.name, adapter.name)]
    assert set(adapter.rules) <= {examples_of.name_of(event) for event in example_events(examples_of)}


SHARED = {"rudderstack": "segment", "gtag": "ga4", "ga4-export": "ga4"}
"""Whose rules are those of another, which has the examples."""


@ALL
def test_rules_name_events_and_fields_of_ours(adapter: Adapter) -> None:
    events = {rule.event for rule in adapter.rules.values() if not rule.ignored}
    assert events <= set(EVENT_NAMES)
    for rule in adapter.rules.values():
        assert bool(rule.event) != bool(rule.ignored)


@ALL
def test_what_an_adapter_fills_is_read(adapter: Adapter) -> None:
    """A field that our events do not have would be carried in the log for nobody."""
    for event in example_events(adapter):
        ours = convert(adapter, event, ARRIVED)
        if (
            not isinstance(ours, Ignored)
            and ours["event"] in EVENT_NAMES
            and "refused" not in answer(adapter, event)
        ):
            read = msgspec.to_builtins(decode_event(msgspec.json.encode(ours)))
            assert paths(ours) <= paths(read) | {"kind"}, adapter.name_of(event)


def example_events(adapter: Adapter) -> list[Any]:
    found = [event for example in examples(adapter) for event in adapter.split(example["body"])]
    return [event for event in found if isinstance(event, dict)]


def paths(value: Any, before: str = "") -> set[str]:
    """Dotted paths of a document; what defaults leave out of an encoded event is not looked for."""
    if isinstance(value, list):
        return {path for each in value for path in paths(each, before)}
    if not isinstance(value, dict):
        return {before}
    return {path for name, each in value.items() if each != 1 for path in paths(each, f"{before}.{name}")}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


@ALL
@given(data=st.data())
def test_whatever_is_sent_is_an_event_or_a_reason(adapter: Adapter, data: st.DataObject) -> None:
    """Every place of an example is replaced by something else, one at a time."""
    example = data.draw(st.sampled_from(examples(adapter)))
    body = replace_somewhere(example["body"], data.draw(JSON), data)
    events: list[Any] = []
    with contextlib.suppress(ValueError):
        events = adapter.split(body)
    for event in events:
        ours = convert(adapter, event, ARRIVED)
        assert isinstance(ours, Ignored | dict)
        if isinstance(ours, dict):
            assert len(ours.get("properties", {}).get("items", [])) <= ITEMS_MAX
            assert ours == convert(adapter, event, ARRIVED)


def replace_somewhere(value: Any, by: Any, data: st.DataObject) -> Any:
    """The value with one of its parts, or the whole, replaced."""
    if not isinstance(value, list | dict) or not value or data.draw(st.integers(0, 4)) == 0:
        return by
    key = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
    changed: Any = value.copy()
    changed[key] = replace_somewhere(value[key], by, data)
    return changed


def test_an_event_without_an_id_counts_once_when_it_is_sent_again() -> None:
    body = {"client_id": "1.2", "timestamp_micros": "1795532400123456", "events": [{"name": "login"}]}
    ids = {message_id("ga4", body, ARRIVED), message_id("ga4", body, ARRIVED.replace(minute=9))}
    assert len(ids) == 1
    later = body | {"timestamp_micros": "1795532400123457"}
    assert message_id("ga4", later, ARRIVED) not in ids


def test_without_a_time_either_it_counts_each_time() -> None:
    body = {"client_id": "1.2", "events": [{"name": "login"}]}
    assert message_id("ga4", body, ARRIVED) != message_id("ga4", body, ARRIVED.replace(minute=9))


def test_the_time_of_a_try_changes_no_id() -> None:
    event = {"type": "track", "event": "Signed In", "anonymousId": "b", "timestamp": "2026-11-24T15:00:00Z"}
    ids = {message_id("segment", event | {"sentAt": f"2026-11-24T15:0{n}:00Z"}, ARRIVED) for n in range(3)}
    assert len(ids) == 1


def message_id(name: str, body: Any, arrived: datetime) -> str:
    (event,) = ADAPTERS[name].split(body)
    ours = convert(ADAPTERS[name], event, arrived)
    assert isinstance(ours, dict)
    return str(ours["message_id"])


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (1795532400, "2026-11-24T15:00:00+00:00"),
        ("1795532400123", "2026-11-24T15:00:00.123000+00:00"),
        ("1795532400123456", "2026-11-24T15:00:00.123456+00:00"),
    ],
)
def test_units_of_time_are_told_apart_by_size(value: Any, time: str) -> None:
    assert epoch(value) == time
