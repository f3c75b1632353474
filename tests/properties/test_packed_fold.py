"""The fold of packed states: compiled as interpreted, on states of ours and on bytes from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from random import Random

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from models.visitor.fold import fold, fold_packed, split_window
from models.visitor.packing import unpack
from models.visitor.state import EventRecord
from models.visitor.state_fields import PACKED_MAX
from schemas.errors import UnknownVersion
from schemas.events import ViewItem
from tests.both_builds import Build, both_builds, compiled, interpreted
from tests.events_strategies import records
from tests.golden.packed_states import FoldPacked, log_of_visitors

SIZES_AT = 58
"""Where in a packed state the sizes of its sixteen collections stand."""
DAMAGED = 20_000


@settings(max_examples=60)
@given(records())
def test_compiled_and_interpreted_agree_on_every_byte(log: list[EventRecord]) -> None:
    ours, theirs = (build("models.visitor.fold").fold_packed for build in (compiled, interpreted))
    packed = b""
    for record in log:
        after = ours(packed, record)
        assert after == theirs(packed, record)
        assert unpack(after) == fold(unpack(packed), record)
        packed = after


@settings(max_examples=20)
@given(records(min_size=1))
def test_a_record_applied_before_gives_the_very_same_bytes(log: list[EventRecord]) -> None:
    packed = b""
    for record in log:
        packed = fold_packed(packed, record)
        assert fold_packed(packed, record) is packed


@both_builds
def test_what_fails_leaves_nothing_behind(build: Build) -> None:
    """A record on which fold fails halfway is buried; the next one must not see what it did."""
    folds: FoldPacked = build("models.visitor.fold").fold_packed
    first, second = (record for _, record in islice(log_of_visitors(), 2))
    before, at = folds(b"", first), second.arrival
    broken = replace(_view(), properties=None)  # fails after time and session moved on
    with pytest.raises(AttributeError):
        folds(before, EventRecord(broken, 0, 10**6, at, 1))
    assert unpack(folds(before, replace(second, offset=10**6))).events == 2


def _view() -> ViewItem:
    return next(record.event for _, record in log_of_visitors() if isinstance(record.event, ViewItem))


def test_damaged_states_are_refused_or_folded_alike() -> None:
    ours, theirs = (build("models.visitor.fold").fold_packed for build in (compiled, interpreted))
    for number, (packed, record) in enumerate(_damaged(DAMAGED)):
        answer = _answer(ours, packed, record)
        if answer != b"refused":
            assert len(split_window(answer)[0]) <= PACKED_MAX
        if number % 20 == 0:  # interpreted takes fifty times as long
            assert answer == _answer(theirs, packed, record)


def _answer(folds: FoldPacked, packed: bytes, record: EventRecord) -> bytes:
    try:
        after = folds(packed, record)
    except UnknownVersion:
        return b"refused"
    unpack(after)
    return after


def _damaged(count: int) -> Iterator[tuple[bytes, EventRecord]]:
    """States with bits turned over, cut, lengthened, with other sizes, and noise; each with a new record."""
    rng, states = Random(5), dict[str, bytes]()
    log = list(log_of_visitors())
    for visitor, record in log:
        states[visitor] = fold_packed(states.get(visitor, b""), record)
    for _ in range(count):
        packed, way = bytearray(rng.choice(list(states.values()))), rng.random()
        if way < 0.5:
            for _ in range(rng.choice([1, 1, 2, 8])):
                packed[rng.randrange(len(packed))] ^= 1 << rng.randrange(8)
        elif way < 0.65:
            del packed[rng.randrange(1, len(packed)) :]
        elif way < 0.75:
            packed += rng.randbytes(rng.randrange(1, 2_000))
        elif way < 0.9:
            packed[SIZES_AT + rng.randrange(16)] = rng.randrange(256)
        else:
            packed = bytearray(b"\x01" + rng.randbytes(rng.randrange(1_200)))
        event = rng.choice(log)[1].event
        yield bytes(packed), EventRecord(event, 0, 2**40, 1.79e9, 1)
