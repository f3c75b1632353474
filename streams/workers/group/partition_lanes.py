"""One lane a partition: chunks in order within it, all lanes side by side.

While a chunk waits for Redis, others are folded, and what arrives meanwhile is settled as one: the worse the
lag, the larger the chunks. All lanes of a round finish before the next fetch (backpressure), so one policy
run decides for every visitor of the round. Nothing is ever raised out of here: a chunk ends settled and
acknowledged, forgotten (its partition is read again), or the process halts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from contextlib import suppress
from typing import Protocol

from schemas.errors import Fenced, Regressed
from streams.kafka.transport.chunks import CHUNK_RECORDS, Chunk, Record
from streams.runtime.vitals import ProcessContext
from streams.workers.group.ownership import Holding, Why, why_lost

IN_FLIGHT = 64
"""Chunks taken in and not yet settled; above it the agent waits."""
LOW_WATER = 32
"""In flight below which more is fetched: what waits in the fetcher comes later, but as larger chunks."""
IN_STEP_S = 0.05
"""How long lanes that are done wait for one that is held up, before more is fetched all the same."""
IDLE_CHECK_S = 2.0
"""How often the store is asked about a partition without traffic."""


class Delivery(Protocol):
    """A chunk and what becomes of it; exactly one of `ack` and `forget` is called."""

    chunk: Chunk

    def ack(self) -> None: ...

    def forget(self) -> None: ...


class Apply(Protocol):
    """The engine: applies records, says when what it published is safe."""

    async def apply(self, holding: Holding, records: list[Record], end: int) -> Awaitable[None] | None: ...

    async def verify(self, holding: Holding) -> None:
        """Fenced or Regressed when the store does not stand where we think."""
        ...


class Holders(Protocol):
    """Who knows how partitions are held."""

    def holding(self, partition: int) -> Holding | None: ...

    def holdings(self) -> list[Holding]: ...

    def lost(self, holding: Holding, why: Why) -> None: ...


class PartitionLanes:
    """`put` takes a delivery in, waiting while too many are in flight."""

    def __init__(self, engine: Apply, ownership: Holders, vitals: ProcessContext) -> None:
        self._engine, self._ownership = engine, ownership
        self._halt, self._metrics = vitals.halt, vitals.metrics
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._flying = 0
        self._welcome = asyncio.Event()
        self._welcome.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._queues: dict[int, deque[Delivery]] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._settling: set[asyncio.Future[None]] = set()

    async def has_capacity(self, within_s: float) -> bool:
        """Whether more chunks are welcome, or come to be within some seconds."""
        await _set_within(self._idle, IN_STEP_S)
        return await _set_within(self._welcome, within_s)

    async def put(self, delivery: Delivery) -> None:
        await self._room.acquire()
        self._in_flight(+1)
        partition = delivery.chunk.partition
        self._queues.setdefault(partition, deque()).append(delivery)
        if partition not in self._running:
            self._start(partition)

    async def verify_idle_partitions(self) -> None:
        """For ever: see every few seconds that the store still stands where each idle partition left it.

        Without traffic nobody else would notice that Redis forgot, and visitors would stay as they were.
        """
        while True:
            await asyncio.sleep(IDLE_CHECK_S)
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
                await self._settle(_joined(queue))
        except Exception as exc:
            self._halt(exc)
        finally:
            del self._running[partition]
            if not self._running:
                self._idle.set()

    async def _verify(self, holding: Holding) -> None:
        try:
            await self._engine.verify(holding)
        except (Fenced, Regressed) as exc:
            self._ownership.lost(holding, why_lost(exc))

    async def _settle(self, deliveries: list[Delivery]) -> None:
        """All of them as one chunk."""
        first, last = deliveries[0].chunk, deliveries[-1].chunk
        holding = self._ownership.holding(first.partition)
        if holding is None or holding.turn != first.turn:
            return self._forget(deliveries, "stale")
        if first.start != holding.next:
            self._ownership.lost(holding, "gap")
            return self._forget(deliveries, "gap")
        records = first.records
        if len(deliveries) > 1:
            records = [record for delivery in deliveries for record in delivery.chunk.records]
        try:
            published = await self._engine.apply(holding, records, last.end)
        except (Fenced, Regressed) as exc:
            self._ownership.lost(holding, why_lost(exc))
            return self._forget(deliveries, why_lost(exc))
        holding.next, holding.arrived = last.end, last.records[-1].timestamp / 1000
        self._ack(deliveries, published)

    def _forget(self, deliveries: list[Delivery], outcome: str) -> None:
        self._metrics.count("chunks_total", len(deliveries), outcome=outcome)
        for delivery in deliveries:
            delivery.forget()
            self._release()

    def _ack(self, deliveries: list[Delivery], published: Awaitable[None] | None) -> None:
        """Acknowledge once what was published is safe; the lane need not wait for that."""
        if published is None:
            return self._acked(deliveries)
        task = asyncio.ensure_future(self._ack_later(deliveries, published))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _ack_later(self, deliveries: list[Delivery], published: Awaitable[None]) -> None:
        try:
            await published
        except Exception as exc:
            self._halt(exc)
        self._acked(deliveries)

    def _acked(self, deliveries: list[Delivery]) -> None:
        self._metrics.count("chunks_total", len(deliveries), outcome="applied")
        for delivery in deliveries:
            delivery.ack()
            self._release()

    def _release(self) -> None:
        self._room.release()
        self._in_flight(-1)

    def _in_flight(self, more: int) -> None:
        self._flying += more
        if self._flying < LOW_WATER:
            self._welcome.set()
        else:
            self._welcome.clear()


async def _set_within(event: asyncio.Event, within_s: float) -> bool:
    """Whether it is set, now or within some seconds."""
    if not event.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await event.wait()
    return event.is_set()


def _joined(queue: deque[Delivery]) -> list[Delivery]:
    """The next deliveries of one turn that follow each other, up to the size of a chunk."""
    taken = [queue.popleft()]
    records = len(taken[0].chunk.records)
    while queue:
        chunk, before = queue[0].chunk, taken[-1].chunk
        records += len(chunk.records)
        if chunk.turn != before.turn or chunk.start != before.end or records > CHUNK_RECORDS:
            break
        taken.append(queue.popleft())
    return taken
