"""Hypothesis strategies for events and records: every kind, small vocabularies, hostile clocks.

Vocabularies are small on purpose: repeats and full collections must happen within a few dozen events.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from hypothesis import strategies as st
from msgspec.structs import fields

from models.visitor.state import EventRecord
from schemas.codec import decode_event, encode
from schemas.events import EVENT_NAMES, Channel, Device, Event, KnownEvent

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
INCARNATION = 7
VISITOR = "a:somebody"

Body = dict[str, Any]

_labels = st.sampled_from([f"label {n}" for n in range(14)])
_money = st.sampled_from([0.0, 0.01, 9.99, 49.0, 1e9]) | st.floats(0, 500).map(lambda price: round(price, 2))
_engaged = st.integers(0, 120_000) | st.just(86_400_000)

usual_clocks = st.integers(0, 3_600) | st.integers(0, 40 * 86_400)
"""Seconds after NOW: within one visit, or anywhere in 40 days."""
hostile_clocks = st.sampled_from(
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2099, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    ]
)
moments = usual_clocks.map(lambda seconds: NOW + timedelta(seconds=seconds))
any_moments = st.one_of(moments, moments, moments, hostile_clocks)


def items() -> st.SearchStrategy[Body]:
    """One entry of items[], with any subset of its fields."""
    return st.fixed_dictionaries(
        {"item_id": st.sampled_from([f"item-{n}" for n in range(20)])},
        optional={
            "item_brand": _labels,
            "item_category": _labels,
            "item_category3": _labels,
            "colour": _labels,
            "size": _labels,
            "price": _money,
            "quantity": st.sampled_from([1, 2, 9999]),
        },
    )


_REQUIRED: dict[str, st.SearchStrategy[Any]] = {
    "items": st.lists(items(), min_size=1, max_size=9),
    "transaction_id": st.just("t-1"),
    "search_term": _labels,
    "purposes": st.dictionaries(
        st.sampled_from(["personalization", "ads", "ad_storage", "unheard of"]), st.booleans()
    ),
}
"""The properties that some event cannot do without."""
_OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "items": st.lists(items(), max_size=3),
    "value": _money,
    "engagement_time_msec": _engaged,
    "category": _labels,
    "tactic": _labels,
    "promotion_id": _labels,
    "rating": st.floats(0, 5),
}
_REQUIRED_BY = {
    str(kind.__struct_config__.tag): [field.name for field in fields(properties.type) if field.required]
    for kind in get_args(KnownEvent)
    for properties in fields(kind)
    if properties.name == "properties"
}


def _properties(name: str) -> st.SearchStrategy[Body]:
    required = {field: _REQUIRED[field] for field in _REQUIRED_BY.get(name, [])}
    return st.fixed_dictionaries(
        required, optional={field: values for field, values in _OPTIONAL.items() if field not in required}
    )


def bodies(
    names: Sequence[str] = (*EVENT_NAMES, "wheel_spun"), clocks: st.SearchStrategy[datetime] = any_moments
) -> st.SearchStrategy[Body]:
    """JSON objects of events, of the given names."""

    def of_name(name: str) -> st.SearchStrategy[Body]:
        return st.fixed_dictionaries(
            {
                "event": st.just(name),
                "anonymous_id": st.just(VISITOR[2:]),
                "message_id": st.integers(0, 60).map(lambda n: f"message-{n}"),
                "timestamp": clocks,
                "channel": st.sampled_from(get_args(Channel)),
                "properties": _properties(name),
            },
            optional={
                "sent_at": clocks,
                "module_id": _labels,
                "context": st.fixed_dictionaries(
                    {"device": st.sampled_from(get_args(Device))},
                    optional={"consent": st.dictionaries(st.just("analytics"), st.booleans())},
                ),
            },
        )

    return st.sampled_from(names).flatmap(of_name)


def events(
    names: Sequence[str] = (*EVENT_NAMES, "wheel_spun"), clocks: st.SearchStrategy[datetime] = any_moments
) -> st.SearchStrategy[Event]:
    return bodies(names, clocks).map(lambda body: decode_event(encode(body)))


def record(event: Event, offset: int, arrival: float, incarnation: int = INCARNATION) -> EventRecord:
    return EventRecord(event, 0, offset, arrival, incarnation)


@st.composite
def records(draw: st.DrawFn, max_size: int = 40, min_size: int = 0) -> list[EventRecord]:
    """One visitor's records as a log holds them: offsets rise with gaps, arrivals never fall."""
    found = draw(st.lists(events(), min_size=min_size, max_size=max_size))
    offset, arrival, log = -1, NOW.timestamp(), []
    for event in found:
        offset += draw(st.sampled_from([1, 1, 5, 100_000]))
        arrival += draw(st.sampled_from([0.0, 0.2, 30.0, 1_000.0, 4_000.0, 86_400.0, 9e6]))
        log.append(record(event, offset, arrival))
    return log
