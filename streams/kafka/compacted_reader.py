"""Reads topics whole: from their beginning to the end seen at the start, and then on. No group, no commits.

A reader that is built anew after a failure goes on where the last one stood (`resume`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.errors import StreamUnavailable, error_text
from schemas.topics import Topic

Place = tuple[str, int]
"""(full topic name, partition)."""

IDLE_IS_END_S = 3.0
"""A partition whose tail was compacted away never shows its last offset: silence for so long is its end."""

_FAILURES = (KafkaError, OSError, TimeoutError)


class RawRecord(Protocol):
    """What we use of aiokafka's ConsumerRecord. `timestamp` is in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class CompactedReader:
    """One consumer over all partitions of some topics (or of those in `only`)."""

    def __init__(
        self,
        kafka: str,
        topics: Iterable[str],
        *,
        only: Iterable[int] | None = None,
        resume: Mapping[Place, int] | None = None,
        client_id: str = "etalage-follower",
    ) -> None:
        self._kafka, self._topics, self._client_id = kafka, sorted(topics), client_id
        self._only = None if only is None else set(only)
        self.offsets: dict[Place, int] = dict(resume or {})
        self._ends: dict[Place, int] = {}
        self._heard: dict[Place, float] = {}
        self._consumer: Any = None

    async def start(self) -> None:
        """Connect, and note where the topics end now; StreamUnavailable when that cannot be had."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._kafka,
            client_id=self._client_id,
            group_id=None,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_partition_fetch_bytes=1 << 20,
            request_timeout_ms=10_000,
        )
        self._consumer = consumer
        try:
            await consumer.start()
            await self._assign(consumer)
        except _FAILURES as exc:
            await self.stop()
            raise StreamUnavailable(f"{', '.join(self._topics)}: {error_text(exc)}") from exc
        except BaseException:
            await self.stop()
            raise

    async def _assign(self, consumer: Any) -> None:
        # aiokafka would wait ten seconds for a topic that is not there; the whole metadata answers at once.
        cluster = await consumer._client.fetch_all_metadata()
        partitions = []
        for topic in self._topics:
            known = cluster.partitions_for_topic(topic)
            if not known:
                raise StreamUnavailable(f"there is no topic {topic}: run `etalage topics create`")
            partitions += [TopicPartition(topic, n) for n in known if self._only is None or n in self._only]
        consumer.assign(partitions)
        first, ends = await asyncio.gather(
            consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        )
        self._ends = {(tp.topic, tp.partition): end for tp, end in ends.items() if end > first[tp]}
        self._heard = dict.fromkeys(self._ends, asyncio.get_running_loop().time())
        for tp in partitions:
            held = self.offsets.pop((tp.topic, tp.partition), 0)
            at = max(held, first[tp]) if held <= ends[tp] else first[tp]  # beyond the end: made anew
            self.offsets[tp.topic, tp.partition] = at
            consumer.seek(tp, at)

    async def read(self, *, within_s: float = 0.5) -> list[RawRecord]:
        """Records that came, of each partition in order; nothing after `within_s` of silence."""
        try:
            found = await self._consumer.getmany(timeout_ms=int(within_s * 1000))
        except _FAILURES as exc:
            raise StreamUnavailable(f"{', '.join(self._topics)}: {error_text(exc)}") from exc
        records: list[RawRecord] = [record for part in found.values() for record in part]
        for tp, part in found.items():
            if part:
                self.offsets[tp.topic, tp.partition] = part[-1].offset + 1
        if self._ends:
            self._settle({(tp.topic, tp.partition) for tp, part in found.items() if part})
        return records

    def _settle(self, ignore_result: set[Place]) -> None:
        """Cross off the partitions that have reached the end seen at the start."""
        now = asyncio.get_running_loop().time()
        for place, end in list(self._ends.items()):
            if place in ignore_result:
                self._heard[place] = now
            silent = now - self._heard[place] >= IDLE_IS_END_S
            if self.offsets.get(place, 0) >= end or (silent and self._answered(place, end)):
                del self._ends[place]

    def _answered(self, place: Place, end: int) -> bool:
        """Whether a fetch was answered for a partition: only then does its silence mean something."""
        seen = self._consumer.highwater(TopicPartition(*place))
        return seen is not None and seen >= end

    @property
    def at_end(self) -> bool:
        """Whether every partition was read to the end seen at the start."""
        return not self._ends

    async def stop(self) -> None:
        """Close the connection; never raises."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(*_FAILURES):
                await consumer.stop()


async def read_to_end(
    kafka: str, topic: Topic, namespace: str, *, only: Iterable[int] | None = None
) -> list[RawRecord]:
    """Every record that a topic holds now; StreamUnavailable when it cannot be read."""
    reader = CompactedReader(kafka, [topic.full_name(namespace)], only=only, client_id="etalage-reader")
    await reader.start()
    try:
        records: list[RawRecord] = []
        while not reader.at_end:
            records += await reader.read()
        return records
    finally:
        await reader.stop()
