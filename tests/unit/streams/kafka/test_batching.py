"""Many records are sorted to their partitions without holding up the loop."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError
from aiokafka.producer import message_accumulator
from aiokafka.record.default_records import DefaultRecordBatch

from streams.kafka.batching import Pair, _by_partition
from streams.kafka.partitioner import partition_of
from tests.unit.streams.loop_slices import watched_slices


async def test_sorting_many_records_lets_the_loop_turn() -> None:
    pairs: list[Pair] = [(b"item-%d" % n, b"") for n in range(60_000)]
    async with watched_slices() as slices:
        parts = await _by_partition(pairs, 8)
    assert slices.longest_s < 0.02
    assert sum(map(len, parts.values())) == len(pairs)
    for partition, part in parts.items():
        assert all(partition_of(key, 8) == partition for key, _ in part)
        assert [key for key, _ in part] == sorted((key for key, _ in part), key=lambda k: int(k[5:]))


async def test_a_batch_that_is_given_up_unsent_leaves_nothing_for_the_loop_to_complain_of() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    builder = message_accumulator.BatchBuilder(1024, DefaultRecordBatch.CODEC_NONE)
    batch = message_accumulator.MessageBatch(TopicPartition("t", 0), builder, 5, 0)
    future = batch.append(b"key", b"value", None)
    batch.failure(KafkaTimeoutError())
    assert isinstance(future.exception(), KafkaTimeoutError)
    del batch, future
    gc.collect()
    assert complaints == []
