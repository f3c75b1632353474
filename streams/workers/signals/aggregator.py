"""Sums item deltas into signals: claims partitions, applies chunks, and writes what changed each second.

The checkpoint stands in the signals themselves (see `partition_sums`), so nothing is done when partitions are
revoked: the next owner reads again what was not written. Before each write the coordinator must have called
us a member lately: a process that slept through losing its partitions must not write old sums over newer
ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from schemas.codec import encode
from schemas.signals import Signal
from schemas.topics import ITEM_SIGNALS
from streams.kafka.batch_sending import Pair, send_all
from streams.kafka.compacted_reader import RawRecord, read_to_end
from streams.kafka.endpoint.cluster import kafka_cluster
from streams.runtime.clock import Clock
from streams.runtime.retries import Retries
from streams.runtime.settings import Settings
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.protocols import Claim, fresh_nonce
from streams.workers.group.ownership import Holding, SeekableLog
from streams.workers.group.round_processor import HeldChunk, Outcome
from streams.workers.signals.partition_sums import PartitionSums

FLUSH_EVERY_S = 1.0
FLUSH_DELTAS = 8_000
"""Deltas after which a flush starts at once: acknowledgements wait for it, and at last fetching too."""
GATHER_S = 0.05
"""How long claims are gathered: the partitions of one assignment are read together."""


class SignalAggregator:
    """The sums of all partitions this process holds; the `Claims` of ownership, the processor of rounds.

    Args:
        settings: kafka, namespace and session_timeout_s are used.
        deltas: the log of item deltas.
        producer: of raw bytes; stays the caller's.
        retries: for each flush.
        metrics: `deltas_total`, `signals_total`.
        clock: whose monotonic time bounds our membership.
    """

    def __init__(
        self,
        settings: Settings,
        deltas: SeekableLog,
        producer: Any,
        *,
        retries: Retries,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._settings, self._deltas, self._producer = settings, deltas, producer
        self._retries, self._metrics, self._clock = retries, metrics, clock
        self._topic = ITEM_SIGNALS.full_name(settings.namespace)
        self._sums: dict[str, PartitionSums] = {}
        self._written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writing: asyncio.Future[None] | None = None
        self._waiting = 0
        self._flush_now = asyncio.Event()
        self._to_read: set[int] = set()
        self._reading: asyncio.Task[dict[int, list[RawRecord]]] | None = None

    async def claim(
        self, partition: int, owner: str, kafka_generation: int, *, nonce: str | None = None
    ) -> Claim:
        """Start the sums of a partition from its written signals.

        Returns:
            A claim whose `done` is the offset of the first delta to read.

        Raises:
            StreamUnavailable: Kafka did not answer.
        """
        await self._discard(partition)
        records = (await self._signals(partition))[partition]
        start, end = await self._deltas.bounds(partition)
        sums = PartitionSums()
        await asyncio.to_thread(sums.load, records)
        epoch = f"{partition}:{kafka_generation}:{nonce or fresh_nonce()}"
        self._sums[epoch] = sums
        return Claim(epoch, max(start, sums.resume(end)))

    async def _discard(self, partition: int) -> None:
        """Drop the sums of earlier holdings, whose deltas are read again; a write under way ends first."""
        self._sums = {e: sums for e, sums in self._sums.items() if not e.startswith(f"{partition}:")}
        if self._writing is not None:
            await asyncio.wait([self._writing])

    def _signals(self, partition: int) -> Awaitable[dict[int, list[RawRecord]]]:
        """The written signals of every partition that is being claimed now, in one reading."""
        self._to_read.add(partition)
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_gathered(), name="read-signals")
        return asyncio.shield(self._reading)

    async def _read_gathered(self) -> dict[int, list[RawRecord]]:
        await asyncio.sleep(GATHER_S)
        partitions, self._to_read, self._reading = self._to_read, set(), None
        settings = self._settings
        parts: dict[int, list[RawRecord]] = {partition: [] for partition in partitions}
        for record in await read_to_end(
            kafka_cluster(settings), ITEM_SIGNALS, settings.namespace, only=partitions
        ):
            parts[record.partition].append(record)
        return parts

    async def prepare(self, chunks: Sequence[HeldChunk]) -> list[asyncio.Future[None]]:
        """Sum a round, as `RoundProcessor.prepare`; the result is the flush that writes its signals."""
        for chunk in chunks:
            new = self._sums[chunk.holding.epoch].apply(chunk.records)
            self._metrics.count("deltas_total", new, direction="summed")
            self._waiting += len(chunk.records)
        if self._waiting >= FLUSH_DELTAS:
            self._flush_now.set()
        return [self._written] * len(chunks)

    async def write(self, prepared: Sequence[asyncio.Future[None]]) -> list[Outcome]:
        """Nothing is refused; published is what the flush has written."""
        return [Outcome(published=asyncio.shield(written)) for written in prepared]

    async def verify(self, holding: Holding) -> None:
        """Nothing to compare: the checkpoint stands in the log, which does not go back."""

    def drop(self) -> None:
        """No partition is ours any more: drop all sums; the next owner reads again what was not written."""
        self._sums = {}
        for window in (self._start_window(), self._writing):
            if window is not None and not window.done():
                window.set_result(None)  # the group's committed offset serves lag tools only

    async def run(self) -> None:
        """Flush every FLUSH_EVERY_S, or at once after FLUSH_DELTAS, for ever; raises as `flush`."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._flush_now.wait(), FLUSH_EVERY_S)
            self._flush_now.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write the signals that changed since the last flush.

        Raises:
            StreamUnavailable, StoreUnavailable: Kafka failed, or was silent, until patience ended.
        """
        if not self._waiting:
            return
        await self._deltas.member_since(self._clock.monotonic() - self._settings.session_timeout_s)
        window, flushed = self._start_window(), list(self._sums.values())
        self._writing = window
        pairs = [pair for sums in flushed for pair in _pairs(sums.start_flush())]
        await self._retries("signals", lambda: self._send(pairs, window))
        for sums in flushed:
            sums.finish_flush()
        self._metrics.count("signals_total", len(pairs), direction="written")
        if not window.done():
            window.set_result(None)

    async def _send(self, pairs: list[Pair], window: asyncio.Future[None]) -> None:
        if not window.done():  # else the partitions went meanwhile
            await send_all(self._producer, self._topic, pairs)

    def _start_window(self) -> asyncio.Future[None]:
        """Start a new window; returns the future of the old one, which all applied so far waits for."""
        window, self._written = self._written, asyncio.get_running_loop().create_future()
        self._waiting = 0
        return window


def _pairs(signals: Sequence[Signal]) -> Iterator[Pair]:
    return ((signal.item_id.encode(), encode(signal)) for signal in signals)
