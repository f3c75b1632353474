"""Deltas are summed once, whatever is read again."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.ids import ItemId
from schemas.signals import Delta, Signal
from streams.signal_sums import SignalSums
from tests.unit.streams.raw import Raw

T0 = 1000.0


def delta(offset: int, item: str, views: int = 1) -> Raw:
    value = encode(Delta(item_id=ItemId(item), at=T0, views=views))
    return Raw("d", 0, offset, item.encode(), value)


def written(signals: Sequence[Signal]) -> list[Raw]:
    return [Raw("s", 0, n, s.item_id.encode(), encode(s)) for n, s in enumerate(signals)]


def views_of(signals: Sequence[Signal]) -> dict[str, float]:
    return {signal.item_id: signal.popularity for signal in signals}


def test_what_changed_is_given_once() -> None:
    sums = SignalSums()
    assert sums.apply([delta(0, "a"), delta(1, "b"), delta(2, "a")]) == 3
    taken = sums.take()
    assert views_of(taken) == {"a": 2.0, "b": 1.0}
    assert {signal.item_id: signal.delta_offset for signal in taken} == {"a": 2, "b": 1}
    assert sums.take() == []
    assert sums.last_offset == 2


def test_what_does_not_decode_is_counted_and_left_out() -> None:
    sums = SignalSums()
    sums.load([Raw("s", 0, 0, b"a", b"{")])
    assert sums.apply([Raw("d", 0, 0, b"a", b"nonsense"), Raw("d", 0, 1, b"a", None), delta(2, "a")]) == 1
    assert sums.skipped == 3


def test_of_two_signals_the_one_with_more_deltas_counts() -> None:
    first = SignalSums()
    first.apply([delta(0, "a")])
    old = first.take()
    first.apply([delta(1, "a")])
    new = first.take()
    second = SignalSums()
    second.load(written([*new, *old]))
    assert second.last_offset == 1


def test_a_topic_made_again_keeps_the_sums_and_counts_its_first_deltas() -> None:
    sums = SignalSums()
    sums.apply([delta(7, "a")])
    sums.begin_anew()
    assert sums.last_offset == -1
    sums.apply([delta(0, "a")])
    assert views_of(sums.take()) == {"a": 2.0}


@given(
    items=st.lists(st.sampled_from("abc"), min_size=1, max_size=30),
    data=st.data(),
)
def test_a_crash_anywhere_in_a_flush_neither_loses_nor_doubles(items: list[str], data: st.DataObject) -> None:
    """Written so far: any prefix of any flush. Read again: everything since the last whole flush."""
    log = [delta(offset, item) for offset, item in enumerate(items)]
    whole = data.draw(st.integers(0, len(log)), label="deltas whose flush was whole")
    reached = data.draw(st.integers(whole, len(log)), label="deltas applied before the crash")
    before = SignalSums()
    before.apply(log[:whole])
    topic = before.take()
    before.apply(log[whole:reached])
    flush = data.draw(st.permutations(before.take()), label="order of the last flush")
    topic += flush[: data.draw(st.integers(0, len(flush)), label="of it written")]

    after = SignalSums()
    after.load(written(topic))
    after.apply(log[data.draw(st.integers(0, whole), label="read again from") :])
    final = SignalSums()
    final.load(written([*topic, *after.take()]))
    assert {i: s.popularity for i, s in final._signals.items()} == {
        i: float(items.count(i)) for i in set(items)
    }
