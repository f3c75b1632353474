"""Two ways to write records: many in batches, some as one atomic batch (`shared_batches` has the third).

A batch per partition costs a fifth of one send per record. The order of records of one key is kept; the Java
client's partitioner decides where they go.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Protocol

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch
from msgspec import Struct

from schemas.errors import StreamUnavailable
from streams.kafka.endpoint.errors import translate_errors
from streams.kafka.partitioner import partition_of
from streams.runtime.tasks import ignore_result

SEND_WITHIN_S = 10.0
BUILT_AT_ONCE = 100
"""Records put into batches before other tasks get the loop: about a millisecond."""
REQUEST_PARTITIONS_MAX = 64
"""Partitions that get their next batch in one turn of the loop, and so in one request to each broker: with
the largest batches, of 256 kB, 16 MB (brokers take 100: socket.request.max.bytes)."""

PLAIN_BYTES_MAX, TOGETHER_BYTES_MAX = 512 << 10, 8 << 20
"""Largest atomic batch that is sent uncompressed, and the largest at all, in bytes before compression."""

Pair = tuple[bytes, bytes | None]
"""Key and value; None is a tombstone."""


class Message(Struct, frozen=True):
    """One record to be written, into a partition that was chosen before; `topic` is the full name."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]] = []


class Producer(Protocol):
    """What is used of aiokafka's AIOKafkaProducer; `streams.kafka.producer` makes and starts them."""

    client: Any

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def flush(self) -> None: ...

    async def partitions_for(self, topic: str) -> Collection[int]: ...

    def create_batch(self) -> Any: ...

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[Any]: ...


async def send_all(
    producer: Producer, topic: str, pairs: Iterable[Pair], *, within_s: float = SEND_WITHIN_S
) -> None:
    """Write records in batches and wait until Kafka acknowledged all of them.

    Args:
        producer: A running one.
        topic: Full name; each record goes to the partition of its key (`partition_of`).
        pairs: Key and value of each record; those of one key are written in this order.
        within_s: Seconds for all of it.

    Raises:
        StreamUnavailable: Not all were acknowledged in time, or Kafka refuses one (it is too large). Any of
            them may have been written, or still be.
    """
    with translate_errors(topic):
        async with asyncio.timeout(within_s):
            partitions = len(await producer.partitions_for(topic))
            parts = await _group_by_partition(pairs, partitions)
            pending: list[asyncio.Future[Any]] = []
            while parts:
                pending += await _send_next_batches(producer, topic, parts)
                await asyncio.sleep(0)
            await asyncio.gather(*pending)


async def send_together(
    producer: Producer, topic: str, pairs: Sequence[Pair], *, within_s: float = SEND_WITHIN_S
) -> int | None:
    """Write records as one batch into the only partition of a topic: readers see all of them or none.

    Args:
        producer: A running one.
        topic: Full name of a topic with one partition.
        pairs: Key and value of each record, in order; at most TOGETHER_BYTES_MAX, compressed
            above PLAIN_BYTES_MAX.
        within_s: Seconds for all of it.

    Returns:
        The offset of the first record; None when there is none.

    Raises:
        StreamUnavailable: Not acknowledged in time (it may still be written), or too large.
    """
    if not pairs:
        return None
    batch = _build_one_batch(topic, pairs)
    with translate_errors(topic):
        async with asyncio.timeout(within_s):
            offset: int = (await (await producer.send_batch(batch, topic, partition=0))).offset
    return offset


def _build_one_batch(topic: str, pairs: Sequence[Pair]) -> Any:
    large = sum(len(key) + len(value or b"") for key, value in pairs) > PLAIN_BYTES_MAX
    codec = DefaultRecordBatch.CODEC_GZIP if large else DefaultRecordBatch.CODEC_NONE
    batch = BatchBuilder(TOGETHER_BYTES_MAX, codec)
    for key, value in pairs:
        if batch.append(key=key, value=value, timestamp=None) is None:
            raise StreamUnavailable(
                f"{topic}: more than {TOGETHER_BYTES_MAX} bytes cannot be written together"
            )
    return batch


async def _group_by_partition(pairs: Iterable[Pair], partitions: int) -> dict[int, deque[Pair]]:
    parts: dict[int, deque[Pair]] = {}
    for count, pair in enumerate(pairs, start=1):
        parts.setdefault(partition_of(pair[0], partitions), deque()).append(pair)
        if count % BUILT_AT_ONCE == 0:
            await asyncio.sleep(0)
    return parts


async def _send_next_batches(
    producer: Producer, topic: str, parts: dict[int, deque[Pair]]
) -> list[asyncio.Future[Any]]:
    """The futures of one batch for each of some partitions; takes what is in them out of `parts`.

    They are handed over without a turn of the loop between them: aiokafka sends what it has when it wakes up,
    and a request costs it about a millisecond, however many partitions are in it.
    """
    batches, built = [], 0
    for partition in list(parts)[:REQUEST_PARTITIONS_MAX]:
        batch, pairs, before = producer.create_batch(), parts[partition], built
        while pairs and batch.append(key=pairs[0][0], value=pairs[0][1], timestamp=None) is not None:
            pairs.popleft()
            built += 1
            if built % BUILT_AT_ONCE == 0:
                await asyncio.sleep(0)
        if built == before:  # aiokafka 0.14 always takes one
            raise StreamUnavailable(f"{topic}: a record of {len(pairs[0][1] or b'')} bytes is too large")
        if not pairs:
            del parts[partition]
        batches.append((partition, batch))
    return [await _send_batch(producer, batch, topic, partition) for partition, batch in batches]


async def _send_batch(producer: Producer, batch: Any, topic: str, partition: int) -> asyncio.Future[Any]:
    future = await producer.send_batch(batch, topic, partition=partition)
    future.add_done_callback(ignore_result)
    return future
