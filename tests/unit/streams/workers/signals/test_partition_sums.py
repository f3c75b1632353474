"""Deltas are summed once, whatever is read again."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.ids import ItemId
from schemas.signals import Delta, Signal
from streams.workers.signals.partition_sums import PartitionSums
from tests.unit.streams.raw import Raw

T0 = 1000.0


def delta(offset: int, item: str, views: int = 1) -> Raw:
    value = encode(Delta(item_id=ItemId(item), at=T0, views=views))
    return Raw("d", 0, offset, item.encode(), value)


def records_of(signals: Sequence[Signal]) -> list[Raw]:
    return [Raw("s", 0, n, s.item_id.encode(), encode(s)) for n, s in enumerate(signals)]


def views_of(signals: Sequence[Signal]) -> dict[str, float]:
    return {signal.item_id: signal.popularity for signal in signals}


def test_what_changed_is_given_once() -> None:
    sums = PartitionSums()
    assert sums.apply([delta(0, "a"), delta(1, "b"), delta(2, "a")]) == 3
    changed = sums.start_flush()
    assert views_of(changed) == {"a": 2.0, "b": 1.0}
    assert {signal.item_id: signal.delta_offset for signal in changed} == {"a": 2, "b": 1}
    sums.finish_flush()
    assert sums.start_flush() == []


def test_what_was_not_written_is_given_again() -> None:
    sums = PartitionSums()
    sums.apply([delta(0, "a")])
    sums.start_flush()
    sums.apply([delta(1, "b")])
    assert views_of(sums.start_flush()) == {"a": 1.0, "b": 1.0}


def test_signals_say_where_the_last_whole_flush_ended() -> None:
    sums = PartitionSums()
    sums.apply([delta(0, "a"), delta(1, "b")])
    assert {signal.done for signal in sums.start_flush()} == {0}
    sums.finish_flush()
    sums.apply([delta(2, "b")])
    assert [signal.done for signal in sums.start_flush()] == [2]


def test_what_does_not_decode_is_counted_and_left_out() -> None:
    sums = PartitionSums()
    sums.load([Raw("s", 0, 0, b"a", b"{")])
    assert sums.apply([Raw("d", 0, 0, b"a", b"nonsense"), Raw("d", 0, 1, b"a", None), delta(2, "a")]) == 1
    assert sums.skipped == 3


def test_of_two_signals_the_one_with_more_deltas_counts() -> None:
    first = PartitionSums()
    first.apply([delta(0, "a")])
    old = first.start_flush()
    first.apply([delta(1, "a")])
    new = first.start_flush()
    second = PartitionSums()
    second.load(records_of([*new, *old]))
    second.resume(2)
    assert second.apply([delta(1, "a")]) == 0


def test_a_topic_made_again_keeps_the_sums_and_counts_what_comes() -> None:
    sums = PartitionSums()
    sums.apply([delta(6, "b"), delta(7, "a")])
    again = PartitionSums()
    again.load(records_of(sums.start_flush()))
    assert again.resume(3) == 3
    assert again.apply([delta(3, "a")]) == 1
    signals = again.start_flush()
    assert views_of(signals) == {"a": 2.0, "b": 1.0}, (
        "all are written again, or the next start would forget too"
    )
    assert {signal.item_id: signal.delta_offset for signal in signals} == {"a": 3, "b": -1}


@given(items=st.lists(st.sampled_from("abcd"), min_size=1, max_size=30), data=st.data())
def test_crashes_anywhere_in_a_flush_neither_lose_nor_double(items: list[str], data: st.DataObject) -> None:
    log = [delta(offset, item) for offset, item in enumerate(items)]
    topic: list[Raw] = []
    for _ in range(data.draw(st.integers(1, 4), label="lives")):
        live(log, topic, data)
    final = PartitionSums()
    final.load(topic)
    final.apply(log[final.resume(len(log)) :])
    last = records_of([*final.start_flush()])
    check = PartitionSums()
    check.load([*topic, *last])
    assert {key: signal.popularity for key, signal in check._signals.items()} == {
        item: float(items.count(item)) for item in set(items)
    }


def live(log: list[Raw], topic: list[Raw], data: st.DataObject) -> None:
    """One process: reads on, flushes at some points, dies with its last flush partly written."""
    sums = PartitionSums()
    sums.load(topic)
    at = sums.resume(len(log))
    for _ in range(data.draw(st.integers(0, 3), label="flushes")):
        upto = data.draw(st.integers(at, len(log)), label="applied")
        sums.apply(log[at:upto])
        topic += records_of(sums.start_flush())
        sums.finish_flush()
        at = upto
    sums.apply(log[at : data.draw(st.integers(at, len(log)), label="applied before death")])
    flush = data.draw(st.permutations(sums.start_flush()), label="order of the last flush")
    topic += records_of(flush[: data.draw(st.integers(0, len(flush)), label="of it written")])


def test_neighbours_share_their_ids() -> None:
    """Each id is decoded for each of the 70 lists that it may be in: kept so, sums take twice the memory."""
    near = {ItemId("an-item-of-both"): 2.0}
    seen = [Delta(item_id=ItemId(item), at=T0, co_viewed=near, co_bought=near) for item in "ab"]
    deltas = [Raw("d", 0, n, each.item_id.encode(), encode(each)) for n, each in enumerate(seen)]
    sums = PartitionSums()
    sums.apply(deltas)
    counted = sums.start_flush()
    loaded = PartitionSums()
    loaded.load(records_of(counted))
    loaded.resume(0)  # the log of deltas began anew, so all are given
    for signals in (counted, loaded.start_flush()):
        assert len(signals) == 2
        ids = [near.item_id for signal in signals for near in (*signal.co_viewed, *signal.co_bought)]
        assert ids == ["an-item-of-both"] * 4
        assert all(one is ids[0] for one in ids)
