"""One lane (a queue of chunks) per partition: chunks in order within it, all lanes concurrently.

To settle a chunk is to apply it, then acknowledge or forget it; a forgotten chunk is not committed and its
records are read again. While one lane waits for Redis, others fold. Queued adjacent chunks are merged before
they are applied: the worse the lag, the larger the chunks. Normally all lanes finish a round before the next
fetch (backpressure), so one policy run decides for every visitor of the round; after ROUND_WAIT_S fetching
goes on without the late ones. Nothing is ever raised out of here: what cannot be settled halts the process.
A turn is the ownership of a partition between two assignments; chunks of an earlier turn are forgotten.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from contextlib import suppress
from typing import Protocol

from schemas.errors import Fenced, Regressed
from streams.kafka.transport.chunks import CHUNK_RECORDS, Chunk, Record
from streams.runtime.process_context import ProcessContext
from streams.workers.group.ownership import ClaimReason, Holding, loss_reason

MAX_IN_FLIGHT_CHUNKS = 64
"""The most chunks that are queued or applied and not yet acknowledged; `put` waits for room."""
FETCH_BELOW_CHUNKS = 32
"""More is fetched while fewer are in flight: what waits in the fetcher comes later, but as larger chunks."""
ROUND_WAIT_S = 0.05
"""How long finished lanes wait for a slow one before the next fetch."""
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


class ChunkProcessor(Protocol):
    """What settles chunks: the engine of the workers, the aggregator of the items process."""

    async def apply(self, holding: Holding, records: list[Record], end: int) -> Awaitable[None] | None:
        """Apply records up to offset `end`; never called twice at once for one partition.

        Returns:
            An awaitable that completes once all that was published is acknowledged; None: nothing was.

        Raises:
            Fenced, Regressed: nothing was applied; the partition must be acquired again.
            Exception: anything else halts the process.
        """
        ...

    async def verify(self, holding: Holding) -> None:
        """Raises Fenced or Regressed unless the store stands at the holding's `done` and `part`."""
        ...


class Holdings(Protocol):
    """The part of `Ownership` that lanes ask."""

    def holding(self, partition: int) -> Holding | None: ...

    def holdings(self) -> list[Holding]: ...

    def reclaim(self, holding: Holding, reason: ClaimReason) -> None: ...


class PartitionLanes:
    """The lanes of one process.

    Args:
        processor: settles chunks.
        ownership: knows the current holding of each partition; is asked to reclaim lost ones.
        context: `halt` ends the process on any error but Fenced and Regressed.
    """

    def __init__(self, processor: ChunkProcessor, ownership: Holdings, context: ProcessContext) -> None:
        self._processor, self._ownership = processor, ownership
        self._halt, self._metrics = context.halt, context.metrics
        self._capacity = asyncio.Semaphore(MAX_IN_FLIGHT_CHUNKS)
        self._in_flight = 0
        self._may_fetch = asyncio.Event()
        self._may_fetch.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._queues: dict[int, deque[Delivery]] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._publishing: set[asyncio.Future[None]] = set()

    async def wait_for_capacity(self, within_s: float) -> bool:
        """Waits until more may be fetched, `within_s` seconds at most; returns whether it may.

        First waits up to ROUND_WAIT_S for all lanes to finish, so that those of one round stay in step.
        """
        await _wait_set(self._idle, ROUND_WAIT_S)
        return await _wait_set(self._may_fetch, within_s)

    async def put(self, delivery: Delivery) -> None:
        """Queue a delivery in its partition's lane; waits while MAX_IN_FLIGHT_CHUNKS are not acknowledged."""
        await self._capacity.acquire()
        self._count_in_flight(+1)
        partition = delivery.chunk.partition
        self._queues.setdefault(partition, deque()).append(delivery)
        if partition not in self._running:
            self._start(partition)

    async def verify_idle_partitions(self) -> None:
        """For ever: every IDLE_CHECK_S, verify the store's checkpoint of each partition without traffic.

        Without traffic a loss of data in Redis would go unnoticed and layouts would stay stale.
        """
        while True:
            await asyncio.sleep(IDLE_CHECK_S)
            self.verify_idle()

    def verify_idle(self) -> None:
        """Begin to verify each partition that has no traffic now."""
        for holding in self._ownership.holdings():
            if holding.partition not in self._running:
                self._start(holding.partition, verify=holding)

    def _start(self, partition: int, verify: Holding | None = None) -> None:
        task = asyncio.create_task(self._run(partition, verify), name=f"lane-{partition}")
        self._running[partition] = task
        self._idle.clear()

    async def _run(self, partition: int, verify: Holding | None) -> None:
        queue = self._queues.setdefault(partition, deque())
        try:
            if verify is not None:
                await self._verify(verify)
            while queue:
                await self._settle(_pop_adjacent(queue))
        except Exception as exc:
            self._halt(exc)
        finally:
            del self._running[partition]
            if not self._running:
                self._idle.set()

    async def _verify(self, holding: Holding) -> None:
        try:
            await self._processor.verify(holding)
        except (Fenced, Regressed) as exc:
            self._ownership.reclaim(holding, loss_reason(exc))

    async def _settle(self, deliveries: list[Delivery]) -> None:
        """Apply all of them as one chunk, then acknowledge or forget each."""
        first, last = deliveries[0].chunk, deliveries[-1].chunk
        holding = self._ownership.holding(first.partition)
        if holding is None or holding.turn != first.turn:
            return self._forget(deliveries, "stale")
        if first.start != holding.next:
            self._ownership.reclaim(holding, "gap")
            return self._forget(deliveries, "gap")
        records = first.records
        if len(deliveries) > 1:
            records = [record for delivery in deliveries for record in delivery.chunk.records]
        try:
            published = await self._processor.apply(holding, records, last.end)
        except (Fenced, Regressed) as exc:
            self._ownership.reclaim(holding, loss_reason(exc))
            return self._forget(deliveries, loss_reason(exc))
        holding.next, holding.arrived = last.end, last.records[-1].timestamp / 1000  # ms -> s
        self._ack_when_published(deliveries, published)

    def _forget(self, deliveries: list[Delivery], outcome: str) -> None:
        self._metrics.count("chunks_total", len(deliveries), outcome=outcome)
        for delivery in deliveries:
            delivery.forget()
            self._release()

    def _ack_when_published(self, deliveries: list[Delivery], published: Awaitable[None] | None) -> None:
        """Acknowledge once what was published is safe; the lane need not wait for that."""
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
