"""Stored layouts and notices of arbitrary bytes: read, or known to be none; never another error."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from models.layout.fills.packed_fills import PackedFills, fills_of_body
from models.layout.rendering.fields import as_of_of, labels_of, layout_id_of, looks_whole, relabel
from models.policy.decide import decide
from models.policy.layout_decision import PageRequest
from models.policy.snapshot import build_snapshot
from schemas.ids import Version, VisitorId
from streams.stores.protocols import Notice
from streams.stores.redis.layouts import _read_notices
from tests.contracts.test_hostile_bytes import json_values
from tests.unit.streams.gateway.house import AT, small_shop

SNAPSHOT = build_snapshot(small_shop())
VISITOR = VisitorId("a:ann")
_DECIDED = decide(
    SNAPSHOT, [PageRequest(visitor=VISITOR, state=b"", version=Version(1, 0, 0))], AT.timestamp()
)
LAYOUT = _DECIDED[0].head() + _DECIDED[0].body()


@st.composite
def damaged(draw: st.DrawFn, whole: bytes = LAYOUT) -> bytes:
    layout = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        layout[draw(st.integers(0, len(layout) - 1))] = draw(st.integers(0, 255))
    return bytes(layout[: draw(st.integers(0, len(layout)))])


@settings(max_examples=200)
@given(st.binary(max_size=300) | damaged())
def test_fields_of_any_bytes(layout: bytes) -> None:
    assert isinstance(layout_id_of(layout), str)
    assert all(isinstance(label, str) for label in labels_of(layout))
    assert looks_whole(layout) in (True, False)
    with contextlib.suppress(ValueError):
        relabel(layout, "stale", "stream_stale")
    with contextlib.suppress(ValueError):
        as_of_of(layout)


@settings(max_examples=100)
@given(st.binary(max_size=300) | damaged(_DECIDED[0].body()))
def test_a_body_of_any_bytes_has_fills_or_none(body: bytes) -> None:
    assert fills_of_body(body) is None or isinstance(fills_of_body(body), PackedFills)
    assert fills_of_body(_DECIDED[0].body()) is not None


@settings(max_examples=300)
@given(
    st.binary(max_size=100)
    | json_values.map(lambda value: str(value).replace("'", '"').encode("utf-8", "replace"))
)
def test_notices_of_any_bytes(payload: bytes) -> None:
    try:
        notices = _read_notices(3, payload)
    except (ValueError, TypeError):
        return
    assert all(isinstance(one, Notice) and isinstance(one.visitor, str) for one in notices)
