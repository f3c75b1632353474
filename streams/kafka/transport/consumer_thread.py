"""The consumer thread: fetches, seeks and commits on a loop of its own; each fetch knows its turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from schemas.errors import EtalageError
from streams.kafka.transport.chunks import Fetched
from streams.kafka.transport.errors import MADE_ANEW
from streams.kafka.transport.fetch_pacing import FetchPacing
from streams.runtime.telemetry.logs import logger

log = logger("transport")


class OffsetsWentBack(EtalageError):
    """The log gave offsets it gave before: it was truncated or created anew."""


class ChunkThread(AIOKafkaConsumerThread):
    """Turns and expected offsets are touched on this thread's loop only, so a fetch and a seek never mix.

    A partition without an expected offset was not sought yet: what is fetched of it goes nowhere.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._turns: dict[Any, int] = {}
        self._expected: dict[Any, int] = {}
        self.heartbeat_sent_at = float("-inf")

    async def on_start(self) -> None:
        await super().on_start()
        consumer = self._ensure_consumer()
        self._note_heartbeats(consumer._coordinator)
        self._pacing = FetchPacing(consumer._fetcher)

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # what a producer took back never happened
        return consumer

    def _note_heartbeats(self, coordinator: Any) -> None:
        """Remember when the last heartbeat was sent to which the coordinator said: you are a member."""
        beat = coordinator._do_heartbeat

        async def noted() -> bool:
            sent_at = time.monotonic()
            good: bool = await beat()
            if good and not coordinator._rejoin_needed_fut.done():
                self.heartbeat_sent_at = sent_at
            return good

        coordinator._do_heartbeat = noted

    async def _fetch_records(  # type: ignore[override]
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[Any],
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's signature
        max_records: int | None = None,
    ) -> Mapping[Any, Fetched]:
        # Faust never asks; without this an error of the group would leave the coordinator waiting for ever.
        consumer._coordinator.check_errors()
        # A copy: emptied meanwhile by a pause, the set itself would read as "all partitions".
        active = set(active_partitions)
        records = await super()._fetch_records(consumer, active, timeout, max_records)
        # No await from here on: the records belong to the turn that holds now.
        if records:
            self._pacing.fed()
        return {tp: self._tagged(tp, part) for tp, part in records.items() if tp in self._expected}

    def _tagged(self, tp: Any, records: list[Any]) -> Fetched:
        start = self._expected[tp]
        if records[0].offset < start:
            raise OffsetsWentBack(
                f"partition {tp.partition}: offset {records[0].offset} after {start}: the log was truncated, "
                f"or {MADE_ANEW}"
            )
        if records[0].offset > start:
            self.add_future(self._look_into_gap(tp, start, records[0].offset))
        self._expected[tp] = records[-1].offset + 1
        return Fetched(self._turns[tp], start, records)

    async def _look_into_gap(self, tp: Any, start: int, went_on_at: int) -> None:
        """Markers of transactions leave gaps too; where the log begins tells whether records are gone."""
        try:
            begins = await self._ensure_consumer().beginning_offsets([tp])
        except KafkaError as exc:  # an escaping error would end the thread, and this is only for the log
            log.warning("a gap in the log could not be looked into", partition=tp.partition, why=repr(exc))
            return
        if begins[tp] > start:
            log.error("records are gone unapplied", partition=tp.partition, first=start, next=went_on_at)
            transport: Any = self.transport
            # To where metrics live: they are of one thread.
            self.consumer.loop.call_soon_threadsafe(transport.lost, min(begins[tp], went_on_at) - start)

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        self._expected.clear()
        await super().on_partitions_revoked(revoked)

    async def seek_to(self, tp: Any, offset: int) -> int:
        """Read on from `offset`; the number of the turn that begins. IllegalStateError: not assigned."""
        turn: int = await self.call_thread(self._seek_to, tp, offset)
        return turn

    async def _seek_to(self, tp: Any, offset: int) -> int:
        self._ensure_consumer().seek(tp, offset)
        self._expected[tp] = offset
        self._turns[tp] = self._turns.get(tp, 0) + 1
        return self._turns[tp]

    async def ends(self, tps: Iterable[Any]) -> Mapping[Any, int]:
        """The offset behind the last record that is there to be delivered, of each partition.

        The log's own end lies further when it ends in transaction markers: the fetcher steps over them and
        nobody ever gets to see it.
        """
        ends: Mapping[Any, int] = await self.call_thread(self._ends, tuple(tps))
        return ends

    async def _ends(self, tps: tuple[Any, ...]) -> Mapping[Any, int]:
        consumer = self._ensure_consumer()
        ends: dict[Any, int] = await consumer.end_offsets(tps)
        for tp, end in ends.items():
            # A sought partition knows its position, so this does not wait, and both are of one moment.
            if tp in self._expected and await consumer.position(tp) >= end:
                ends[tp] = self._expected[tp]
        return ends

    async def _commit(self, offsets: Mapping[Any, int]) -> bool:
        """Kafka's committed offset serves lag tools only, so a failed commit is no reason to stop."""
        consumer = self._ensure_consumer()
        mine = {
            TopicPartition(*tp): OffsetAndMetadata(offset, "")
            for tp, offset in offsets.items()
            if tp in consumer.assignment()
        }
        try:
            await consumer.commit(mine)
        except (KafkaError, IllegalStateError, asyncio.InvalidStateError):
            return False
        return True
