"""Chunks of raw records of one partition, and which of them were acknowledged."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

CHUNK_RECORDS = 256
"""Records handed on as one Faust event: amortizes 120 µs of per-event cost, holds the loop for a few ms."""

Record = Any
"""aiokafka's ConsumerRecord: key, value, offset, timestamp (ms), headers."""


class FetchedRecords(Struct, frozen=True, gc=False):
    """Records of one partition as they left the fetcher, in one turn (the time from one seek to the next).

    Attributes:
        turn: Number of the seek before them; rises with every seek of the partition.
        start: Offset at which the fetcher stood before them: offsets between it and the first record are gone
            for good (compaction, retention, transaction markers).
        records: In the order of their offsets, at least one.
    """

    turn: int
    start: int
    records: list[Record]


class Chunk(Struct, frozen=True, gc=False):
    """Consecutive records of one partition that are decoded, folded, written and acknowledged as one.

    Attributes:
        partition: Number of the partition.
        turn: As in FetchedRecords: chunks of an older turn than the partition's are void.
        start: Offset that must have been reached before: the `end` of the turn's chunk before, or where the
            seek went. Another one means that a chunk was dropped in between.
        end: Offset after the last record: what is committed, and the `start` of the turn's next chunk.
        records: One to CHUNK_RECORDS, in the order of their offsets; offsets may be missing in between.
    """

    partition: int
    turn: int
    start: int
    end: int
    records: list[Record]


def cut_chunks(partition: int, fetched: FetchedRecords, size: int = CHUNK_RECORDS) -> Iterator[Chunk]:
    """Yield what was fetched in chunks of at most `size` records, each starting where the one before ends."""
    start = fetched.start
    for first in range(0, len(fetched.records), size):
        records = fetched.records[first : first + size]
        end = records[-1].offset + 1
        yield Chunk(partition, fetched.turn, start, end, records)
        start = end


def interleave_partitions(fetched: Mapping[Any, FetchedRecords]) -> Iterator[dict[Any, Chunk]]:
    """Yield rounds: the next chunk of every partition that has one, so that a backlog holds up no other.

    Args:
        fetched: By topic and partition (any key with a `partition`).
    """
    waiting = {tp: cut_chunks(tp.partition, part) for tp, part in fetched.items()}
    while waiting:
        round_ = {tp: chunk for tp, chunks in waiting.items() if (chunk := next(chunks, None)) is not None}
        waiting = {tp: waiting[tp] for tp in round_}
        if round_:
            yield round_


class AcknowledgedPrefix:
    """How far one partition's chunks are acknowledged without a gap, in the order of their delivery.

    Chunks may be acknowledged in any order; only an unbroken prefix may be committed, or a restart would
    step over what was never acknowledged.
    """

    def __init__(self) -> None:
        self._delivered: deque[int] = deque()
        self._acked: set[int] = set()
        self._end = -1

    def deliver(self, end: int) -> None:
        """Note that a chunk that ends before offset `end` was handed out."""
        self._delivered.append(end)
        self._end = end

    def ack(self, end: int) -> None:
        """Note that the chunk that ends before offset `end` was acknowledged."""
        self._acked.add(end)

    def begin(self, at: int) -> None:
        """Begin anew at an offset that was sought."""
        self._delivered.clear()
        self._acked.clear()
        self._end = at

    @property
    def pending(self) -> bool:
        """Whether `take` has something to return."""
        return bool(self._delivered) and self._delivered[0] in self._acked

    @property
    def complete_until(self) -> int | None:
        """The offset behind all that was handed out, once all of it is acknowledged; None before."""
        return self._end if self._acked.issuperset(self._delivered) else None

    def take(self) -> int | None:
        """The offset to commit, returned once; None when the prefix did not grow since the last call."""
        end = None
        while self.pending:
            end = self._delivered.popleft()
            self._acked.discard(end)
        return end
