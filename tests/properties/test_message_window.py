"""What README promises of retries: the newest sixteen messages are known, and whatever left them within the
hour; whenever, how often and in which order an app sends its queue again, it counts once."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from models.visitor.fold import fold_packed, split_window
from models.visitor.packing import unpack
from models.visitor.sessions import WINDOW_IDS_LEFT, WINDOW_MINUTES
from models.visitor.state import EventRecord
from models.visitor.state_fields import MESSAGES_MAX, WINDOW_BYTES_MAX, WINDOW_IDS_MAX, is_window
from schemas.events import PageView, Properties
from tests.both_builds import compiled, interpreted
from tests.events_strategies import NOW

START = NOW.timestamp()
HOUR_S = 3600.0
laws = settings(max_examples=100, deadline=None)


def visit(number: int, offset: int, arrival: float) -> EventRecord:
    """The `number`th page that somebody opened, in the record at `offset`."""
    event = PageView(message_id=f"m{number}", anonymous_id="somebody", timestamp=NOW, properties=Properties())
    return EventRecord(event, 0, offset, arrival, 1)


def fold_all(sent: Sequence[tuple[int, float]], packed: bytes = b"") -> bytes:
    """The state after messages of these numbers at these arrivals."""
    offset = unpack(packed).offset + 1
    for at, (number, arrival) in enumerate(sent):
        packed = fold_packed(packed, visit(number, offset + at, arrival))
    return packed


def without_offset(packed: bytes) -> object:
    return replace(unpack(packed), offset=0)


def sendings(seed: int, count: int) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """Messages as they were first sent; and the same with some sent again within an hour of that."""
    rng = Random(seed)
    once: list[tuple[int, float]] = []
    often: list[tuple[int, float]] = []
    at = START
    for number in range(count):
        at += rng.choice([0.0, 0.05, 1.0, 20.0, 240.0] if rng.random() < 0.995 else [4000.0, 90_000.0])
        once.append((number, at))
        often.append((number, at))
        young = [one for one, since in once[-600:] if at - since <= HOUR_S]
        often += [(again, at) for again in rng.choices(young, k=rng.choice([0, 0, 1, 3]))]
        if rng.random() < 0.005:
            often += [(again, at) for again in rng.sample(young, len(young))]
    return once, often


@laws
@given(st.integers(0, 2**32), st.integers(1, 700))
def test_messages_sent_again_within_an_hour_change_nothing(seed: int, count: int) -> None:
    once, often = sendings(seed, count)
    assert without_offset(fold_all(often)) == without_offset(fold_all(once))


@laws
@given(st.integers(0, 10_000), st.integers(1, 500))
def test_the_window_is_what_is_said_of_it(seed: int, count: int) -> None:
    """Event by event against the rule in plain words, with messages of any age sent again."""
    rng, packed, at = Random(seed), b"", START
    newest: list[int] = []
    left: list[tuple[int, int]] = []  # when (minute), which
    for offset in range(count):
        at += rng.choice([0, 1, 30, 300, 2000])
        number = rng.choice([offset, max(0, offset - rng.randrange(200))])
        minute = int(at) // 60
        known = number in newest or any(
            one == number for since, one in left if since >= minute - WINDOW_MINUTES
        )
        before = unpack(packed).events
        packed = fold_packed(packed, visit(number, offset, at))
        assert unpack(packed).events == before + (not known)
        if not known:
            left += [(minute, one) for one in newest[MESSAGES_MAX - 1 :]]
            newest = [number, *newest[: MESSAGES_MAX - 1]]
        assert is_window(split_window(packed)[1])


def test_the_newest_are_known_for_ever_and_the_others_no_longer_than_the_hour() -> None:
    packed = fold_all([(number, START) for number in range(300)])
    assert unpack(fold_all([(n, START + HOUR_S) for n in range(300)], packed)).events == 300
    later = START + 30 * 86_400
    assert unpack(fold_all([(n, later) for n in range(284, 300)], packed)).events == 300
    assert unpack(fold_all([(n, later) for n in range(300)], packed)).events == 300 + 284


def test_a_flood_within_an_hour_is_bounded_and_its_newest_are_known() -> None:
    count = 3 * WINDOW_IDS_MAX
    packed, longest = b"", 0
    for number in range(count):
        packed = fold_packed(packed, visit(number, number, START + number / 10))
        longest = max(longest, len(split_window(packed)[1]))
    assert longest == WINDOW_BYTES_MAX
    arrival = START + count / 10
    again = [(number, arrival) for number in range(count - WINDOW_IDS_LEFT, count)]
    Random(1).shuffle(again)
    assert unpack(fold_all(again, packed)).events == count


def test_a_whole_request_of_one_visitor_sent_again_changes_nothing() -> None:
    once = [(number, START) for number in range(2_500)]
    assert without_offset(fold_all(once + once)) == without_offset(fold_all(once))


def test_a_clock_that_jumps_neither_fails_nor_grows_the_window() -> None:
    """A broker's clock may be wrong for a while, either way."""
    rng, packed = Random(3), b""
    for offset in range(6_000):
        at = START + offset + (rng.choice([-1e10, -5000, -60, 5000, 1e9, 1e11]) if rng.random() < 0.01 else 0)
        packed = fold_packed(packed, visit(offset, offset, at))
        window = split_window(packed)[1]
        assert is_window(window)
    assert unpack(packed).events == 6_000


@laws
@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 2**64 - 1)), min_size=1, max_size=40), st.data()
)
def test_whatever_stands_in_a_window_drops_no_new_event(
    entries: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Only an id of the very 64 bits does, which one in 4.5e15 new events meets in a full window."""
    packed = fold_all([(number, START) for number in range(20)])
    state, _ = split_window(packed)
    first = data.draw(st.integers(0, 2**32 - 1))
    window = b"\x01" + first.to_bytes(4, "little")
    window += b"".join(bytes((later,)) + key.to_bytes(8, "little") for later, key in entries)
    after = fold_packed(state + window, visit(20, 20, START + 1))
    assert unpack(after).events == 21
    assert len(split_window(after)[1]) <= WINDOW_BYTES_MAX


@pytest.mark.parametrize("seed", range(4))
def test_both_builds_write_the_same_windows(seed: int) -> None:
    ours, theirs = (build("models.visitor.fold").fold_packed for build in (compiled, interpreted))
    rng, packed, at = Random(seed), b"", START
    for offset in range(1_500):
        at += rng.choice([0, 0, 2, 60, 1000])
        record = visit(max(0, offset - rng.choice([0, 0, 5, 40, 400])), offset, at)
        after = ours(packed, record)
        assert after == theirs(packed, record)
        packed = after
