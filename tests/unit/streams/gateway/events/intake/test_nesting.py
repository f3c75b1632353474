"""A value that is nested too deeply is taken out; what came with it is read."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.gateway.admin.upload_parser import split_upload
from streams.gateway.events.intake import nesting
from streams.gateway.events.intake.nesting import CUT_BYTES_MAX, LEVELS_MAX, TOO_DEEP, cut_nesting, decode_cut
from streams.gateway.events.intake.validation import split_events, validate_events
from streams.gateway.http.problems import Problem

DEEP = b"[" * 5000 + b"]" * 5000
GOOD = b'{"event":"wave","message_id":"m1","anonymous_id":"x","timestamp":"2026-11-24T12:00:00Z"}'
BAD = b'{"event":"view_item","message_id":"m2","anonymous_id":"x","properties":%b}' % DEEP


@pytest.mark.parametrize("batch", [b"[%b,%b,%b]", b'{"events":[%b,%b,%b]}', b'{"batch":[%b,%b,%b]}'])
def test_one_deep_event_is_rejected_by_itself(batch: bytes) -> None:
    answers = validate_events(split_events(batch % (GOOD, BAD, GOOD)), lambda _: None)
    assert [getattr(one, "status", "valid") for one in answers] == ["valid", "rejected", "valid"]
    assert answers[1].reason == f"nested deeper than {LEVELS_MAX} levels"  # type: ignore[union-attr]


def test_one_deep_item_does_not_refuse_an_upload() -> None:
    body = b'[{"item_id":"a"},{"item_id":"b","x":%b},{"item_id":"c"}]' % DEEP
    entries = [one for some in split_upload(body) for one in some]
    assert [msgspec.json.decode(one)["item_id"] for one in entries] == ["a", "b", "c"]


def test_a_long_body_with_a_deep_value_is_refused() -> None:
    with pytest.raises(Problem) as refused:
        split_events(b"[%b%b]" % (DEEP, b" " * CUT_BYTES_MAX))
    assert refused.value.status == 400


@pytest.mark.parametrize("broken", [b"[" * 5000, b"]" * 5000, b'["' + b"[" * 5000, b"{" * 5000 + b"]" * 5000])
def test_what_is_not_closed_is_refused(broken: bytes) -> None:
    with pytest.raises(Problem) as refused:
        split_events(broken)
    assert refused.value.status == 400


@pytest.mark.parametrize("end", [b"", b"\\", b"x", b'"'])
def test_a_string_that_is_not_closed_is_looked_at_once(end: bytes) -> None:
    """Not again from each quote in it, which took minutes."""
    matches = list(nesting._TOKEN.finditer(b"[[" + b'"' + b'\\"' * 50_000 + end))
    assert [match.group()[:1] for match in matches] == [b"[", b"[", b'"']


def test_a_body_of_brackets_is_refused_as_a_whole() -> None:
    with pytest.raises(Problem) as refused:
        split_events(b"[" * (nesting.TOKENS_MAX + 1))
    assert refused.value.status == 400


def test_events_are_not_refused_for_their_number() -> None:
    events = [GOOD] * (CUT_BYTES_MAX // (len(GOOD) + 1) - len(BAD) // len(GOOD) - 2)
    answers = validate_events(split_events(b"[%b]" % b",".join([*events, BAD])), lambda _: None)
    assert len(answers) == len(events) + 1
    assert answers[-1].reason == f"nested deeper than {LEVELS_MAX} levels"  # type: ignore[union-attr]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)


@given(VALUES)
def test_what_is_not_deep_stays_as_it_is(value: object) -> None:
    body = msgspec.json.encode(value)
    assert cut_nesting(body) == body


@given(VALUES, VALUES, st.integers(LEVELS_MAX + 1, 3000))
def test_only_what_is_deep_goes(before: object, after: object, levels: int) -> None:
    deep = b"[" * levels + b"]" * levels
    body = b"[%b,%b,%b]" % (msgspec.json.encode(before), deep, msgspec.json.encode(after))
    first, cut, last = decode_cut(msgspec.json.decode, cut_nesting(body), lambda: None)
    assert (first, last) == (before, after)
    for _ in range(LEVELS_MAX - 1):
        (cut,) = cut
    assert cut == msgspec.json.decode(TOO_DEEP)
