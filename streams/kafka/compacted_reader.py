"""Reads topics whole: from their beginning to the end seen at the start, and then on. No group, no commits.

A reader that is built after a failure continues where the last one stood (`resume`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

import aiokafka

from schemas.errors import StreamUnavailable
from schemas.topics import Topic
from streams.kafka.endpoint.cluster import Kafka, client_options
from streams.kafka.endpoint.connect_check import explain_failure
from streams.kafka.endpoint.errors import close_client, translate_errors

TopicPartition = tuple[str, int]
"""Full topic name and partition; aiokafka's named tuple of this name is equal to it."""

IDLE_IS_END_S = 3.0
"""A partition whose tail was compacted away never delivers its last offset: none for so long is its end."""


class RawRecord(Protocol):
    """What is used of aiokafka's ConsumerRecord; `timestamp` is in epoch milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class CompactedReader:
    """One consumer over some topics, from their beginning; used by one task at a time.

    Attributes:
        offsets: The offset to be read next of each partition; what a later reader takes as `resume`.
    """

    def __init__(
        self,
        kafka: Kafka,
        topics: Iterable[str],
        *,
        only: Iterable[int] | None = None,
        resume: Mapping[TopicPartition, int] | None = None,
        client_id: str = "etalage-follower",
        isolation: Literal["read_uncommitted", "read_committed"] = "read_uncommitted",
    ) -> None:
        """Set up a reader, which connects with `start`.

        Args:
            kafka: The cluster, see `kafka_cluster`.
            topics: Full names.
            only: The partitions to read of each topic; None: all.
            resume: Where to begin; the log's beginning for a partition that is not named, whose log begins
                later, or whose log ends before it (the topic was created anew).
            client_id: The consumer's name in the broker's logs.
            isolation: Whether records of aborted transactions are read.
        """
        self._kafka, self._topics, self._client_id = kafka, sorted(topics), client_id
        self._isolation = isolation
        self._only = None if only is None else set(only)
        self.offsets: dict[TopicPartition, int] = dict(resume or {})
        self._ends: dict[TopicPartition, int] = {}
        """Of the partitions that were not yet read to the end seen at the start."""
        self._active_at: dict[TopicPartition, float] = {}
        """When records of them were last read (loop time)."""
        self._consumer: Any = None

    async def start(self) -> None:
        """Connect, and note where the topics end now.

        Raises:
            StreamUnavailable: Kafka did not answer, or a topic does not exist. Nothing is left open.
        """
        consumer = aiokafka.AIOKafkaConsumer(
            **client_options(self._kafka),
            client_id=self._client_id,
            group_id=None,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_partition_fetch_bytes=1 << 20,
            request_timeout_ms=10_000,
            isolation_level=self._isolation,
        )
        self._consumer = consumer
        try:
            async with explain_failure(self._kafka, ", ".join(self._topics)):
                await consumer.start()
            with self._translate_errors():
                await self._assign(consumer)
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
            wanted = [n for n in known if self._only is None or n in self._only]
            partitions += [aiokafka.TopicPartition(topic, n) for n in wanted]
        consumer.assign(partitions)
        first, ends = await asyncio.gather(
            consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        )
        self._ends = {tp: end for tp, end in ends.items() if end > first[tp]}
        self._active_at = dict.fromkeys(self._ends, asyncio.get_running_loop().time())
        for tp in partitions:
            held = self.offsets.get(tp, 0)
            self.offsets[tp] = max(held, first[tp]) if held <= ends[tp] else first[tp]
            consumer.seek(tp, self.offsets[tp])

    async def read(self, *, within_s: float = 0.5) -> list[RawRecord]:
        """Wait for records.

        Args:
            within_s: Seconds after which none is an answer too.

        Returns:
            What came, of each partition in order; empty when nothing did.

        Raises:
            StreamUnavailable: Kafka cannot be read; a new reader may `resume` from `offsets`.
        """
        with self._translate_errors():
            fetched = await self._consumer.getmany(timeout_ms=int(within_s * 1000))
        parts = {tp: part for tp, part in fetched.items() if part}
        for tp, part in parts.items():
            self.offsets[tp] = part[-1].offset + 1
        if self._ends:
            self._drop_ended(parts)
        return [record for part in parts.values() for record in part]

    async def next_offset(self, tp: TopicPartition) -> int:
        """The offset behind all that was read of a partition, markers of transactions included."""
        with self._translate_errors():
            return int(await self._consumer.position(aiokafka.TopicPartition(*tp)))

    async def end_offset(self, tp: TopicPartition) -> int:
        """The offset behind the last record of a partition, as it is now."""
        place = aiokafka.TopicPartition(*tp)
        with self._translate_errors():
            return int((await self._consumer.end_offsets([place]))[place])

    def _drop_ended(self, active: Iterable[TopicPartition]) -> None:
        """Take the partitions off `_ends` that have reached it; `active` are those that records came from."""
        now = asyncio.get_running_loop().time()
        self._active_at |= dict.fromkeys(active, now)
        for tp, end in list(self._ends.items()):
            idle = now - self._active_at[tp] >= IDLE_IS_END_S
            if self.offsets.get(tp, 0) >= end or (idle and self._fetched_to(tp, end)):
                del self._ends[tp]

    def _fetched_to(self, tp: TopicPartition, end: int) -> bool:
        """Whether a fetch of the partition was answered: only then does no record mean that there is none."""
        highwater = self._consumer.highwater(aiokafka.TopicPartition(*tp))
        return highwater is not None and highwater >= end

    def _translate_errors(self) -> AbstractContextManager[None]:
        return translate_errors(", ".join(self._topics))

    @property
    def at_end(self) -> bool:
        """Whether every partition was read to the end that it had at `start`."""
        return not self._ends

    async def stop(self) -> None:
        """Close the connection, within CLOSE_WITHIN_S; never raises."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await close_client(consumer.stop())


async def read_to_end(
    kafka: Kafka, topic: Topic, namespace: str, *, only: Iterable[int] | None = None
) -> list[RawRecord]:
    """Every record that a topic holds now.

    Args:
        kafka: The cluster, see `kafka_cluster`.
        topic: The topic.
        namespace: The prefix of its full name.
        only: The partitions to read; None: all.

    Returns:
        The records, of each partition in the order of their offsets.

    Raises:
        StreamUnavailable: Kafka did not answer, or there is no such topic.
    """
    reader = CompactedReader(kafka, [topic.full_name(namespace)], only=only, client_id="etalage-reader")
    await reader.start()
    try:
        records: list[RawRecord] = []
        while not reader.at_end:
            records += await reader.read()
        return records
    finally:
        await reader.stop()
