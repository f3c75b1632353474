"""Rounds: the chunks of all partitions that wait are worked on as one, and two rounds are under way at once.

A round is prepared (decoded, folded, decided) while the one before is being written, so computing and waiting
overlap; its own write begins when that one has ended. So what a partition's chunk expects of the store is
known, and no chunk is written behind one that failed: it is forgotten with it, and the partition acquired
again once. A partition that fails leaves its round alone; the others go on.

To settle a chunk is to apply it, then acknowledge or forget it; a forgotten chunk is not committed and its
records are read again. Queued adjacent chunks are merged before they are applied: the worse the lag, the
larger the chunks. Nothing is ever raised out of here: what cannot be settled halts the process. A turn is the
ownership of a partition between two assignments; chunks of an earlier turn are forgotten.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Protocol

from msgspec import Struct

from schemas.errors import Fenced, Regressed
from streams.kafka.transport.chunks import CHUNK_RECORDS, Chunk
from streams.runtime.process_context import ProcessContext
from streams.workers.group.ownership import ClaimReason, Holding, loss_reason
from streams.workers.group.round_processor import HeldChunk, Outcome, Prepared, RoundProcessor

ROUND_RECORDS = 1024
"""A round takes no further chunk once it has so many records: two to four such rounds are held in memory."""
MAX_IN_FLIGHT_CHUNKS = 256
"""The most chunks that are queued or applied and not yet acknowledged; `put` waits for room."""
FETCH_BELOW_CHUNKS = 128
"""More is fetched while fewer are in flight: what waits in the fetcher comes later, but as larger chunks."""
ROUND_WAIT_S = 0.05
"""How long the next fetch waits for a round that is still being prepared."""
IDLE_CHECK_S = 2.0
"""How often the store's checkpoint of a partition without traffic is verified."""


class Delivery(Protocol):
    """A chunk and what becomes of it; exactly one of `ack` and `forget` is called."""

    chunk: Chunk

    def ack(self) -> None:
        """The chunk was applied and may be committed."""
        ...

    def forget(self) -> None:
        """The chunk was not applied; its records are read again."""
        ...


class Holdings(Protocol):
    """The part of `Ownership` that rounds ask."""

    def holding(self, partition: int) -> Holding | None: ...

    def holdings(self) -> list[Holding]: ...

    def reclaim(self, holding: Holding, reason: ClaimReason) -> None: ...


class Taken(Struct, frozen=True, gc=False):
    """A chunk of a round, and the deliveries it was merged from."""

    chunk: HeldChunk
    deliveries: list[Delivery]


class Rounds:
    """The rounds of one process.

    Args:
        processor: settles rounds.
        ownership: knows the current holding of each partition; is asked to reclaim lost ones.
        context: `halt` ends the process on any error but Fenced and Regressed.
    """

    def __init__(self, processor: RoundProcessor, ownership: Holdings, context: ProcessContext) -> None:
        self._processor, self._ownership = processor, ownership
        self._halt, self._metrics = context.halt, context.metrics
        self._capacity = asyncio.Semaphore(MAX_IN_FLIGHT_CHUNKS)
        self._in_flight = 0
        self._may_fetch = asyncio.Event()
        self._may_fetch.set()
        self._prepared = asyncio.Event()
        self._prepared.set()
        self._queues: dict[int, deque[Delivery]] = {}
        self._verifying: dict[int, asyncio.Task[None]] = {}
        self._preparing: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._publishing: set[asyncio.Future[None]] = set()

    async def wait_for_capacity(self, within_s: float) -> bool:
        """Waits until more may be fetched, `within_s` seconds at most; returns whether it may.

        First waits up to ROUND_WAIT_S until all that came before is on its way to the store, so that what
        arrives meanwhile comes as one round.
        """
        await _wait_set(self._prepared, ROUND_WAIT_S)
        return await _wait_set(self._may_fetch, within_s)

    async def put(self, delivery: Delivery) -> None:
        """Queue a delivery for the next round; waits while MAX_IN_FLIGHT_CHUNKS are not acknowledged."""
        await self._capacity.acquire()
        self._count_in_flight(+1)
        self._queues.setdefault(delivery.chunk.partition, deque()).append(delivery)
        self._start()

    async def verify_idle_partitions(self) -> None:
        """For ever: every IDLE_CHECK_S, verify the store's checkpoint of each partition without traffic.

        Without traffic a loss of data in Redis would go unnoticed and layouts would stay stale.
        """
        while True:
            await asyncio.sleep(IDLE_CHECK_S)
            self.verify_idle()

    def verify_idle(self) -> None:
        """Begin to verify each partition of which nothing is under way; what arrives meanwhile waits."""
        for holding in self._ownership.holdings():
            partition = holding.partition
            if (
                holding.taken == holding.next
                and partition not in self._queues
                and partition not in self._verifying
            ):
                task = asyncio.create_task(self._verify(holding), name=f"verify-{partition}")
                self._verifying[partition] = task

    async def _verify(self, holding: Holding) -> None:
        try:
            await self._processor.verify(holding)
        except (Fenced, Regressed) as exc:
            self._ownership.reclaim(holding, loss_reason(exc))
        except Exception as exc:
            self._halt(exc)
        finally:
            del self._verifying[holding.partition]
            self._start()

    def _start(self) -> None:
        if self._preparing is None and self._ready_partitions():
            self._preparing = asyncio.create_task(self._prepare_rounds(), name="rounds")
            self._prepared.clear()

    def _ready_partitions(self) -> list[int]:
        return [partition for partition in self._queues if partition not in self._verifying]

    async def _prepare_rounds(self) -> None:
        try:
            while partitions := self._ready_partitions():
                if round_ := self._take(partitions):
                    await self._prepare(round_)
        except Exception as exc:
            self._halt(exc)
        finally:
            self._preparing = None
            self._prepared.set()

    async def _prepare(self, round_: list[Taken]) -> None:
        """Prepare a round, and begin to write it once the one before is written."""
        prepared = await self._processor.prepare([taken.chunk for taken in round_])
        if self._writing is not None:
            await self._writing
        self._writing = asyncio.create_task(self._write(round_, prepared), name="write-round")

    def _take(self, partitions: list[int]) -> list[Taken]:
        """The next chunk of each of the partitions, until there are ROUND_RECORDS records."""
        round_: list[Taken] = []
        records = 0
        for partition in partitions:
            queue = self._queues.pop(partition)
            taken = self._admit(_pop_adjacent(queue))
            if queue:
                self._queues[partition] = queue  # behind those that had no turn yet
            if taken is not None:
                round_.append(taken)
                records += len(taken.chunk.records)
            if records >= ROUND_RECORDS:
                break
        return round_

    def _admit(self, deliveries: list[Delivery]) -> Taken | None:
        """All of them as one chunk; None when they had to be forgotten."""
        first, last = deliveries[0].chunk, deliveries[-1].chunk
        holding = self._ownership.holding(first.partition)
        if holding is None or holding.turn != first.turn:
            self._forget(deliveries, "stale")
            return None
        if first.start != holding.taken:
            self._ownership.reclaim(holding, "gap")
            self._forget(deliveries, "gap")
            return None
        holding.taken = last.end
        records = first.records
        if len(deliveries) > 1:
            records = [record for delivery in deliveries for record in delivery.chunk.records]
        return Taken(HeldChunk(holding, records, last.end), deliveries)

    async def _write(self, round_: list[Taken], prepared: Sequence[Prepared]) -> None:
        written: list[tuple[Taken, Prepared]] = []
        for taken, one in zip(round_, prepared, strict=True):
            if taken.chunk.holding.lost:  # by its chunk of the round before, or by a rebalance
                self._forget(taken.deliveries, "stale")
            else:
                written.append((taken, one))
        try:
            outcomes = await self._processor.write([one for _, one in written])
            for (taken, _), outcome in zip(written, outcomes, strict=True):
                self._settle(taken, outcome)
        except Exception as exc:
            self._halt(exc)

    def _settle(self, taken: Taken, outcome: Outcome) -> None:
        """Acknowledge or forget a chunk of which is known what became of it."""
        holding = taken.chunk.holding
        if outcome.refused is not None:
            reason = loss_reason(outcome.refused)
            self._ownership.reclaim(holding, reason)
            self._forget(taken.deliveries, reason)
            return
        last = taken.chunk.records[-1]
        holding.next, holding.arrived = taken.chunk.end, last.timestamp / 1000  # ms -> s
        self._ack_when_published(taken.deliveries, outcome.published)

    def _forget(self, deliveries: list[Delivery], outcome: str) -> None:
        self._metrics.count("chunks_total", len(deliveries), outcome=outcome)
        for delivery in deliveries:
            delivery.forget()
            self._release()

    def _ack_when_published(self, deliveries: list[Delivery], published: Awaitable[None] | None) -> None:
        """Acknowledge once what was published is safe; no round waits for that."""
        if published is None:
            return self._ack(deliveries)
        task = asyncio.ensure_future(self._ack_later(deliveries, published))
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)

    async def _ack_later(self, deliveries: list[Delivery], published: Awaitable[None]) -> None:
        try:
            await published
        except Exception as exc:
            self._halt(exc)
        self._ack(deliveries)

    def _ack(self, deliveries: list[Delivery]) -> None:
        self._metrics.count("chunks_total", len(deliveries), outcome="applied")
        for delivery in deliveries:
            delivery.ack()
            self._release()

    def _release(self) -> None:
        self._capacity.release()
        self._count_in_flight(-1)

    def _count_in_flight(self, more: int) -> None:
        self._in_flight += more
        if self._in_flight < FETCH_BELOW_CHUNKS:
            self._may_fetch.set()
        else:
            self._may_fetch.clear()


async def _wait_set(event: asyncio.Event, within_s: float) -> bool:
    """Whether `event` is set, now or within `within_s` seconds."""
    if not event.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await event.wait()
    return event.is_set()


def _pop_adjacent(queue: deque[Delivery]) -> list[Delivery]:
    """The next deliveries of one turn whose offsets follow each other, CHUNK_RECORDS records at most."""
    adjacent = [queue.popleft()]
    records = len(adjacent[0].chunk.records)
    while queue:
        chunk, before = queue[0].chunk, adjacent[-1].chunk
        records += len(chunk.records)
        if chunk.turn != before.turn or chunk.start != before.end or records > CHUNK_RECORDS:
            break
        adjacent.append(queue.popleft())
    return adjacent
