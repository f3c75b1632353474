"""Laws of fold: what must hold for every log, whoever wrote it and however it is delivered."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta
from random import Random

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from models.visitor.decay import WEIGHTS
from models.visitor.fold import fold, split_window
from models.visitor.packing import pack, unpack
from models.visitor.sessions import effective_time
from models.visitor.state import EMPTY, EventRecord, VisitorState
from models.visitor.state_fields import PACKED_MAX
from models.visitor.typed_state import STATE_VERSION
from schemas.errors import UnknownVersion
from schemas.events import Event, OtherEvent
from tests.events_strategies import INCARNATION, NOW, events, hostile_clocks, moments, record, records

laws = settings(max_examples=60)
YEAR_S = 365 * 86_400
AFFINITIES = (
    "categories", "brands", "colours", "sizes", "price_bands", "now_categories", "now_brands",
    "bought_categories",
)  # fmt: skip


def fold_all(log: Iterable[EventRecord], state: VisitorState = EMPTY) -> VisitorState:
    for one in log:
        state = fold(state, one)
    return state


@laws
@given(records(), st.data())
def test_redelivery_returns_the_very_same_state(log: list[EventRecord], data: st.DataObject) -> None:
    state = fold_all(log)
    for one in log[data.draw(st.integers(0, len(log))) :]:
        assert fold(state, one) is state


@laws
@given(records(), st.data())
def test_any_split_into_chunks_gives_the_same_bytes(log: list[EventRecord], data: st.DataObject) -> None:
    state, start = EMPTY, 0
    while start < len(log):
        end = data.draw(st.integers(start + 1, len(log)))
        again = data.draw(st.integers(0, start))  # a chunk may repeat what came before
        state = unpack(pack(fold_all(log[again:end], state)))
        start = end
    assert pack(state) == pack(fold_all(log))
    assert state == fold_all(log)


@laws
@given(records())
def test_every_state_survives_packing(log: list[EventRecord]) -> None:
    state = EMPTY
    for one in log:
        state = fold(state, one)
        raw = pack(state)
        assert unpack(raw) == state
        assert pack(unpack(raw)) == raw
        assert len(split_window(raw)[0]) <= PACKED_MAX


@laws
@given(st.lists(st.tuples(st.sampled_from("abc"), records(max_size=6)), max_size=4), st.randoms())
def test_the_order_across_visitors_does_not_matter(
    logs: list[tuple[str, list[EventRecord]]], rng: Random
) -> None:
    one_by_one: dict[str, VisitorState] = {}
    own: dict[str, list[EventRecord]] = {}
    for visitor, log in logs:
        own.setdefault(visitor, []).extend(log)
    for visitor, log in own.items():
        one_by_one[visitor] = fold_all(log)
    mixed: dict[str, VisitorState] = {}
    for entry in _interleaved(own, rng):
        visitor, one = entry
        mixed[visitor] = fold(mixed.get(visitor, EMPTY), one)
    assert mixed == {visitor: state for visitor, state in one_by_one.items() if own[visitor]}


def _interleaved(own: dict[str, list[EventRecord]], rng: Random) -> Iterable[tuple[str, EventRecord]]:
    waiting = {visitor: list(reversed(log)) for visitor, log in own.items() if log}
    while waiting:
        visitor = rng.choice(sorted(waiting))
        yield visitor, waiting[visitor].pop()
        if not waiting[visitor]:
            del waiting[visitor]


@laws
@given(records())
def test_time_never_runs_back_nor_ahead_of_arrival(log: list[EventRecord]) -> None:
    state = EMPTY
    for one in log:
        after = fold(state, one)
        assert state.at <= after.at <= one.arrival
        state = after


@laws
@given(records())
def test_every_number_stays_finite_and_bounded(log: list[EventRecord]) -> None:
    state = fold_all(log)
    for name in AFFINITIES:
        weights = list(getattr(state, name).values())
        assert len(weights) <= 8
        assert all(0 < weight <= WEIGHTS[-1] for weight in weights)
    for number in (state.price, state.price_weight, state.bought_price, state.spent, state.dwell):
        assert math.isfinite(number)
        assert number >= 0
    assert len(set(state.message_ids)) == len(state.message_ids) <= 16


@laws
@given(records(), events(clocks=hostile_clocks), st.lists(events(clocks=moments), min_size=1, max_size=8))
def test_a_hostile_clock_does_not_poison_what_follows(
    log: list[EventRecord], hostile: Event, traffic: list[Event]
) -> None:
    """After 1970 or 2099, normal traffic moves the state's time on just as it does without."""
    state = fold_all(log)
    arrival = max([NOW.timestamp() + 50 * 86_400, *(one.arrival for one in log)])
    state = fold(state, record(hostile, state.offset + 1, arrival))
    for n, event in enumerate(traffic, 1):
        state = fold(state, record(_on_time(event, n, arrival + n), state.offset + 1, arrival + n))
        assert state.at <= arrival + n
        if not isinstance(event, OtherEvent):
            assert state.at == int(arrival + n)
            assert state.session_at >= int(arrival) - 40 * 86_400


def _on_time(event: Event, n: int, at: float) -> Event:
    """The event as a sound clock would have stamped it."""
    moment = NOW + timedelta(seconds=at - NOW.timestamp())
    return replace(event, message_id=f"on time {n}", timestamp=moment, sent_at=None)


@laws
@given(records(min_size=1), events(clocks=hostile_clocks))
def test_an_event_of_1970_leaves_every_affinity_alone(log: list[EventRecord], hostile: Event) -> None:
    state = fold_all(log)
    arrival = log[-1].arrival + 5
    assume(state.at >= NOW.timestamp() and effective_time(hostile, arrival) < NOW.timestamp() - YEAR_S)
    after = fold(state, record(hostile, state.offset + 1, arrival))
    assert after.at == state.at
    assert after.sessions == state.sessions
    for name in AFFINITIES:
        assert getattr(after, name) == getattr(state, name)


@laws
@given(records(min_size=1), st.data())
def test_a_repeated_message_changes_only_the_record_id(log: list[EventRecord], data: st.DataObject) -> None:
    """Of a message that is new within the last ten: a repeat does not renew the memory of its id."""
    state = fold_all(log)
    earlier = {one.event.message_id for one in log[:-10]}
    recent = [
        one
        for one in log[-10:]
        if not isinstance(one.event, OtherEvent) and one.event.message_id not in earlier
    ]
    if recent:
        again = data.draw(st.sampled_from(recent))
        after = fold(state, record(again.event, log[-1].offset + 1, log[-1].arrival + 5))
        assert replace(after, offset=state.offset) == state
        assert after.offset == log[-1].offset + 1


@laws
@given(records(), events(names=["wheel_spun"]))
def test_an_unknown_name_changes_only_the_record_id(log: list[EventRecord], event: Event) -> None:
    state = fold_all(log)
    after = fold(state, record(event, state.offset + 1, NOW.timestamp()))
    assert replace(after, offset=state.offset, incarnation=state.incarnation) == state


@laws
@given(records(), records(min_size=1, max_size=5))
def test_another_incarnation_has_no_previous_offset(log: list[EventRecord], new: list[EventRecord]) -> None:
    state = fold_all(log)
    for one in new:
        state = fold(state, replace(one, incarnation=INCARNATION + 1))
        assert (state.incarnation, state.offset) == (INCARNATION + 1, one.offset)


@laws
@given(records())
def test_fold_leaves_the_earlier_state_alone(log: list[EventRecord]) -> None:
    states = [EMPTY]
    seen = [msgspec.msgpack.encode(EMPTY)]
    for one in log:
        states.append(fold(states[-1], one))
        seen.append(msgspec.msgpack.encode(states[-1]))
    assert [msgspec.msgpack.encode(state) for state in states] == seen


@given(st.binary(max_size=300), st.booleans(), records(max_size=12))
def test_bytes_from_anywhere_are_a_state_or_an_unknown_version(
    noise: bytes, ours: bool, log: list[EventRecord]
) -> None:
    raw = bytearray(pack(fold_all(log))) if ours else bytearray(b"\x01" + noise)
    for index, byte in enumerate(noise[:8] if ours else b""):
        raw[(byte * 31 + index) % len(raw)] ^= byte
    try:
        unpack(bytes(raw))
    except UnknownVersion:
        return
    assert raw[0] == STATE_VERSION
