from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.transport.chunks import (
    CHUNK_RECORDS,
    AcknowledgedPrefix,
    Chunk,
    FetchedRecords,
    cut_chunks,
    interleave_partitions,
)


def records(*offsets: int) -> list[Any]:
    return [SimpleNamespace(offset=offset) for offset in offsets]


def test_chunks_follow_each_other_across_gaps() -> None:
    fetched = FetchedRecords(turn=3, start=5, records=records(7, 8, 12))
    assert list(cut_chunks(0, fetched, 2)) == [
        Chunk(0, 3, 5, 9, fetched.records[:2]),
        Chunk(0, 3, 9, 13, fetched.records[2:]),
    ]


@given(st.sets(st.integers(0, 5000), min_size=1))
def test_cutting_loses_nothing_and_keeps_the_size(offsets: set[int]) -> None:
    part = records(*sorted(offsets))
    chunks = list(cut_chunks(1, FetchedRecords(1, 0, part)))
    assert [r for chunk in chunks for r in chunk.records] == part
    assert all(len(chunk.records) <= CHUNK_RECORDS for chunk in chunks)
    assert [chunk.start for chunk in chunks] == [0, *(chunk.end for chunk in chunks[:-1])]


def test_partitions_take_turns() -> None:
    full = records(*range(2 * CHUNK_RECORDS))
    fetched = {0: FetchedRecords(1, 0, full), 1: FetchedRecords(1, 0, records(0))}
    places = {TopicPartition("events", p): part for p, part in fetched.items()}
    rounds = [[chunk.partition for chunk in each.values()] for each in interleave_partitions(places)]
    assert rounds == [[0, 1], [0]]


def test_only_an_unbroken_prefix_is_taken() -> None:
    prefix = AcknowledgedPrefix()
    for end in (10, 20, 30):
        prefix.deliver(end)
    prefix.ack(20)
    assert prefix.take() is None
    prefix.ack(10)
    assert prefix.take() == 20
    assert prefix.take() is None
    prefix.ack(30)
    assert prefix.take() == 30


def test_what_was_forgotten_is_not_committed() -> None:
    prefix = AcknowledgedPrefix()
    prefix.deliver(10)
    prefix.begin(40)
    prefix.ack(10)
    assert prefix.take() is None
    prefix.deliver(5)
    prefix.ack(5)
    assert prefix.take() == 5


@given(st.permutations(range(1, 9)))
def test_any_order_of_acknowledgement_ends_at_the_last(order: list[int]) -> None:
    prefix = AcknowledgedPrefix()
    for end in range(1, 9):
        prefix.deliver(end)
    taken = []
    for end in order:
        prefix.ack(end)
        taken.append(prefix.take())
    ends = [end for end in taken if end is not None]
    assert ends == sorted(ends)
    assert ends[-1] == 8


def test_a_prefix_is_complete_while_nothing_that_was_handed_out_waits() -> None:
    prefix = AcknowledgedPrefix()
    prefix.begin(40)
    seen = [prefix.complete_until]
    for end in (50, 60):
        prefix.deliver(end)
        seen.append(prefix.complete_until)
    for end in (60, 50):
        prefix.ack(end)
        seen.append(prefix.complete_until)
    assert prefix.take() == 60
    assert [*seen, prefix.complete_until] == [40, None, None, None, 60, 60]
