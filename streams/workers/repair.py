"""Repair of one visitor: folds the log anew and writes the state while the partition's worker goes on.

The state after a repair is the fold of all of the visitor's records before `done`. It is written like any
slice: (epoch, done, part) names one content of the partition, so the write is carried out on just the content
it was computed for, or not at all; then it is tried again. It leaves `part` at REPAIRED, so the owner's next
write finds that the store went back: it forgets what it has in memory and goes on from `done`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from msgspec import Struct

from models.visitor.fold import fold_packed, split_window
from models.visitor.packing import is_readable, version_of
from models.visitor.state import EventRecord
from models.visitor.state_fields import is_window
from schemas.errors import EtalageError, Fenced, Regressed, ServiceMissing, StoreUnavailable
from schemas.ids import VisitorId
from streams.kafka.compacted_reader import TopicPartition
from streams.stores.protocols import (
    REPAIRED,
    Loaded,
    Quarantined,
    SliceWrite,
    VisitorStore,
    VisitorWrite,
    WindowWrite,
)
from streams.stores.redis.quarantine import Standing
from streams.workers.personalize.decoding import EventsTopic, decode_chunk

TRIES = 200
"""Attempts to write between two writes of the owner: each takes two round trips to Redis."""
PAUSE_S = 0.01


class NothingToRepair(EtalageError):
    """The state can be read and none was set aside: a log that begins late would give less."""


class Repaired(Struct, frozen=True, kw_only=True):
    """What a repair did.

    Attributes:
        visitor: Whose state it is.
        partition: Of the visitor's records.
        records: How many of them the state has; 0: there are none in the log, and nothing was written.
        log_start: First offset of the log; above 0, what was before is not in the state.
        done: The state has all of the visitor's records before this offset.
        released: What had been set aside, and where it is kept.
    """

    visitor: VisitorId
    partition: int
    records: int
    log_start: int
    done: int
    released: Sequence[Quarantined]


class RepairedStore(Protocol):
    """What a repair asks of where states were set aside."""

    async def standing(self, partition: int) -> Standing: ...

    async def release(self, entries: Sequence[Quarantined]) -> None: ...


class EventsLog(Protocol):
    """A consumer of the events topic that began at the log's start and leaves aborted transactions out."""

    async def next_offset(self, tp: TopicPartition) -> int: ...

    async def end_offset(self, tp: TopicPartition) -> int: ...

    async def read(self) -> Sequence[Any]: ...


class VisitorHistory:
    """Folds the records of one visitor, read from the log, up to an offset that only rises."""

    def __init__(self, visitor: VisitorId, partition: int, topic: EventsTopic, log: EventsLog) -> None:
        self._visitor, self._partition, self._topic, self._log = visitor, partition, topic, log
        self._place = topic.topic, partition
        self._ahead: deque[EventRecord] = deque()
        self.state, self.records = b"", 0

    async def fold_to(self, end: int) -> bool:
        """Fold all records before `end`; returns whether some of the log had to be read for it."""
        has_read = False
        while await self._log.next_offset(self._place) < end:
            self._keep(await self._log.read())
            self._fold_ahead(end)
            has_read = True
        self._fold_ahead(end)
        return has_read

    def _fold_ahead(self, end: int) -> None:
        while self._ahead and self._ahead[0].offset < end:
            self._fold(self._ahead.popleft())

    def _keep(self, records: Iterable[Any]) -> None:
        key = self._visitor.encode()
        own = [record for record in records if record.key == key]
        self._ahead += decode_chunk(self._topic, self._partition, own).by_visitor.get(self._visitor, [])

    def _fold(self, record: EventRecord) -> None:
        try:
            self.state = fold_packed(self.state, record)
        except Exception:  # such a record was buried
            return
        self.records += 1


class VisitorRepair:
    """Repairs one visitor, also while a worker writes.

    Args:
        visitor: whose state is folded anew.
        partition: of the visitor's records.
        topic: the events topic.
        visitors: the store.
        quarantine: says where the partition stands, and forgets what was set aside.
        log: the events.
    """

    def __init__(
        self, visitor: VisitorId, partition: int, topic: EventsTopic, *,
        visitors: VisitorStore, quarantine: RepairedStore, log: EventsLog,
    ) -> None:  # fmt: skip
        self._visitor, self._partition, self._topic = visitor, partition, topic
        self._visitors, self._quarantine, self._log = visitors, quarantine, log
        self._history = VisitorHistory(visitor, partition, topic, log)
        self._entries: list[Quarantined] = []

    async def run(self, entries: Sequence[Quarantined], *, force: bool = False) -> Repaired:
        """Repair the visitor.

        Args:
            entries: what is set aside of this visitor.
            force: also when the state can be read and nothing is set aside.

        Raises:
            NothingToRepair: so, without `force`.
            StoreUnavailable, StreamUnavailable, QuarantineFull: as the store and the log do; the first also
                when the owner wrote in between TRIES times.
        """
        self._entries = list(entries)
        log_start = await self._log.next_offset((self._topic.topic, self._partition))
        for _ in range(TRIES):
            with suppress(Fenced, Regressed):
                done = await self._attempt(force=force)
                return Repaired(
                    visitor=self._visitor, partition=self._partition, records=self._history.records,
                    log_start=log_start, done=done, released=self._entries,
                )  # fmt: skip
            await asyncio.sleep(PAUSE_S)
        raise StoreUnavailable(f"partition {self._partition} was written in between {TRIES} times: try again")

    async def _attempt(self, *, force: bool) -> int:
        """Write the fold of the log; returns what it reaches. Raises Fenced, Regressed and as `run`."""
        while True:
            standing = await self._quarantine.standing(self._partition)  # before the state, never after it
            if standing.incarnation != self._topic.incarnation:
                raise ServiceMissing("the events topic was made anew: start a worker, which claims it")
            (loaded,) = await self._visitors.load(self._partition, [self._visitor], bodies=False)
            if not (force or self._entries or _is_spoiled(loaded) or _has_spoiled_window(loaded)):
                raise NothingToRepair(f"the state of {self._visitor} can be read, and none is set aside")
            end = await self._find_end(standing, loaded)
            if not await self._history.fold_to(end):
                break  # else reading took a while, and the partition has moved on
        if _is_spoiled(loaded):
            kept = await self._visitors.quarantine(
                self._partition, standing.epoch, self._visitor, loaded.state
            )
            self._entries += [kept] if kept else []
        if self._history.state:
            await self._visitors.write(self._slice(standing))
        await self._quarantine.release(self._entries)
        return end

    async def _find_end(self, standing: Standing, loaded: Loaded) -> int:
        """Behind the last record that the state must have: it may be ahead of `done` between two slices."""
        done = standing.done or 0
        if standing.part <= 0 or loaded.state is None or _is_spoiled(loaded):
            return done
        version = version_of(loaded.state, self._partition)
        log_end = await self._log.end_offset((self._topic.topic, self._partition))
        ahead = version.incarnation == self._topic.incarnation and version.offset < log_end
        return max(done, version.offset + 1) if ahead else done

    def _slice(self, standing: Standing) -> SliceWrite:
        state, window = split_window(self._history.state)
        version = version_of(state, self._partition).text()
        return SliceWrite(
            partition=self._partition, epoch=standing.epoch,
            expect_done=standing.done, expect_part=standing.part, done=standing.done, part=REPAIRED,
            visitors=[VisitorWrite(visitor=self._visitor, state=state, version=version, drop_layout=True)],
            windows=[WindowWrite(visitor=self._visitor, added=window)],
        )  # fmt: skip


def _is_spoiled(loaded: Loaded) -> bool:
    state = loaded.state
    return "state" in loaded.misplaced or (state is not None and not (state and is_readable(state)))


def _has_spoiled_window(loaded: Loaded) -> bool:
    """One is only written over: all that was in it is in the log."""
    return "window" in loaded.misplaced or not is_window(loaded.window or b"")
