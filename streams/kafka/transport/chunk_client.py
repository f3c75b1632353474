"""The Kafka client of a chunk consumer: fetches, seeks and commits; each fetch knows its turn.

A turn is the time from one seek of a partition to the next: records of an older turn are void.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from schemas.errors import EtalageError
from streams.kafka.transport.chunks import FetchedRecords
from streams.kafka.transport.errors import MADE_ANEW
from streams.kafka.transport.fetch_pacing import FetchPacing
from streams.kafka.transport.loop_client import LoopClient
from streams.runtime.telemetry.logs import logger

log = logger("transport")


class OffsetsWentBack(EtalageError):
    """The log delivered offsets below those already read: it was truncated or created anew."""


class ChunkClient(LoopClient):
    """Tags what is fetched with its turn and the offset it should begin at; reports records that are gone.

    Records are tagged in the same turn of the loop in which they leave the fetcher, so a fetch and a seek
    never mix. A partition without an expected offset was not sought yet: what is fetched of it is dropped.

    Attributes:
        heartbeat_sent_at: When the last heartbeat was sent that the coordinator answered with membership and
            without a rebalance (monotonic seconds; -inf before the first).
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._turns: dict[Any, int] = {}
        self._expected: dict[Any, int] = {}
        self.heartbeat_sent_at = float("-inf")

    @property
    def connected(self) -> bool:
        """Whether the consumer may be asked: before, aiokafka has nothing that could."""
        return self._consumer is not None and self._consumer._fetcher is not None

    async def on_start(self) -> None:
        await super().on_start()
        consumer = self._ensure_consumer()
        self._record_heartbeats(consumer._coordinator)
        self._pacing = FetchPacing(consumer._fetcher)

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # records of aborted transactions are not read
        return consumer

    def _record_heartbeats(self, coordinator: Any) -> None:
        """Have the coordinator's heartbeats kept in `heartbeat_sent_at`."""
        send_heartbeat = coordinator._do_heartbeat

        async def send_and_record() -> bool:
            sent_at = time.monotonic()
            good: bool = await send_heartbeat()
            if good and not coordinator._rejoin_needed_fut.done():
                self.heartbeat_sent_at = sent_at
            return good

        coordinator._do_heartbeat = send_and_record

    async def on_stop(self) -> None:
        """Leave the group, also under an instance id: who ends in order may not come back.

        aiokafka leaves then without a word, so that the partitions of a member that went for good would
        wait for the end of its session.
        """
        if self._consumer is not None:
            self._consumer._coordinator._group_instance_id = None
        await super().on_stop()

    async def _fetch_records(  # type: ignore[override]
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[Any],
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's signature
        max_records: int | None = None,
    ) -> Mapping[Any, FetchedRecords]:
        # Faust does not: after an error of the group the coordinator would wait for ever.
        consumer._coordinator.check_errors()
        # A copy: emptied meanwhile by a pause, the set itself would read as "all partitions".
        active = set(active_partitions)
        records = await super()._fetch_records(consumer, active, timeout, max_records)
        # No await from here on: the records belong to the turn that holds now.
        if records:
            self._pacing.note_delivery()
        return {tp: self._tag_records(tp, part) for tp, part in records.items() if tp in self._expected}

    def _tag_records(self, tp: Any, records: list[Any]) -> FetchedRecords:
        """Records with turn and start; OffsetsWentBack when they lie before what was read already."""
        start = self._expected[tp]
        if records[0].offset < start:
            raise OffsetsWentBack(
                f"partition {tp.partition}: offset {records[0].offset} after {start}: the log was truncated, "
                f"or {MADE_ANEW}"
            )
        if records[0].offset > start:
            self.add_future(self._report_lost_records(tp, start, records[0].offset))
        self._expected[tp] = records[-1].offset + 1
        return FetchedRecords(self._turns[tp], start, records)

    async def _report_lost_records(self, tp: Any, start: int, next_read: int) -> None:
        """Log and count the offsets from `start` on that the log dropped before they were read.

        Transaction markers and compaction leave gaps too: only what lies before the log's beginning is lost.
        """
        try:
            begins = await self._ensure_consumer().beginning_offsets([tp])
        except KafkaError as exc:  # an escaping error would end the client, and this is only for the log
            log.warning("checking a gap failed", topic=tp.topic, partition=tp.partition, error=repr(exc))
            return
        if begins[tp] > start:
            log.error("records are gone unapplied", partition=tp.partition, first=start, next=next_read)
            transport: Any = self.transport
            transport.on_lost(min(begins[tp], next_read) - start)

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        self._expected.clear()
        await super().on_partitions_revoked(revoked)

    def seek_to(self, tp: Any, offset: int) -> int:
        """Read on from `offset`.

        Returns:
            The number of the turn that begins.

        Raises:
            IllegalStateError: aiokafka's; the partition is not assigned.
        """
        self._ensure_consumer().seek(tp, offset)
        self._expected[tp] = offset
        self._turns[tp] = self._turns.get(tp, 0) + 1
        return self._turns[tp]

    async def ends(self, tps: Iterable[Any]) -> Mapping[Any, int]:
        """The offset after the last record that can be read, of each partition.

        The log's own end is higher when it ends in transaction markers: the fetcher steps over them and
        delivers nothing.

        Raises:
            KafkaError: aiokafka's; Kafka did not answer.
        """
        consumer = self._ensure_consumer()
        ends: dict[Any, int] = await consumer.end_offsets(tuple(tps))
        for tp, end in ends.items():
            # After a seek the consumer knows where it stands, so this does not wait: both are of one moment.
            if tp in self._expected and await consumer.position(tp) >= end:
                ends[tp] = self._expected[tp]
        return ends

    def stepped_over(self, tp: Any, end: int) -> int | None:
        """Where the fetcher stands when since `end` it only stepped over markers and aborted records.

        None when it has not stepped over any, or has read records since.
        """
        subscription = self._ensure_consumer()._subscription.subscription
        if self._expected.get(tp) != end or subscription is None or tp not in subscription.assignment.tps:
            return None
        state = subscription.assignment.state_value(tp)
        return state.position if state.has_valid_position and state.position > end else None

    async def _commit(self, offsets: Mapping[Any, int]) -> bool:
        """Commit; False when it failed, which is no reason to stop: only lag tools read what is committed."""
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
