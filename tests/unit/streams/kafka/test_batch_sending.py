"""Records in batches, together or one by one: all are written in order, or which are not is known."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError

from schemas.errors import StreamUnavailable
from streams.kafka.batch_sending import (
    BUILT_AT_ONCE,
    REQUEST_PARTITIONS_MAX,
    TOGETHER_BYTES_MAX,
    Pair,
    _group_by_partition,
    send_all,
    send_together,
)
from streams.kafka.partitioner import partition_of
from streams.runtime.tasks import cancel_and_wait
from tests.unit.streams.kafka.fake_producer import FakeProducer


async def test_sorting_many_records_lets_the_loop_turn() -> None:
    turns, at_once = 0, Counter[int]()

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def pairs() -> Iterator[Pair]:
        for n in range(10_000):
            at_once[turns] += 1
            yield b"item-%d" % n, b""

    counting = asyncio.create_task(count_turns())
    parts = await _group_by_partition(pairs(), 8)
    await cancel_and_wait(counting)
    assert max(at_once.values()) <= BUILT_AT_ONCE
    assert sum(map(len, parts.values())) == 10_000
    for partition, part in parts.items():
        assert all(partition_of(key, 8) == partition for key, _ in part)
        assert [key for key, _ in part] == sorted((key for key, _ in part), key=lambda k: int(k[5:]))


class TurnCounting(FakeProducer):
    """Notes in which turn of the loop it was given each batch."""

    def __init__(self, partitions: int) -> None:
        super().__init__(partitions)
        self.turn = 0
        self.turns: list[int] = []

    async def count_turns(self) -> None:
        while True:
            self.turn += 1
            await asyncio.sleep(0)

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[Any]:
        self.turns.append(self.turn)
        return await super().send_batch(batch, topic, partition=partition)


@pytest.mark.parametrize(("partitions", "batches"), [(16, [16]), (100, [REQUEST_PARTITIONS_MAX, 36])])
async def test_batches_of_many_partitions_are_handed_over_in_one_turn(
    partitions: int, batches: list[int]
) -> None:
    """So that aiokafka sends them in one request."""
    producer = TurnCounting(partitions)
    counting = asyncio.create_task(producer.count_turns())
    await send_all(producer, "t", [(b"k%d" % n, b"") for n in range(2_000)])
    await cancel_and_wait(counting)
    assert list(Counter(producer.turns).values()) == batches


async def test_what_is_sent_at_once_fills_batches_in_the_order_of_each_key() -> None:
    producer = FakeProducer(partitions=4, batch_bytes=1000)
    pairs: list[Pair] = [(b"k%d" % (n % 10), b"%d" % n + b"x" * 100) for n in range(200)]
    await send_all(producer, "t", [*pairs, (b"k3", None)])
    assert producer.sends > 4
    written = [(key, value) for _, _, key, value in producer.written]
    for key in {key for key, _ in pairs}:
        assert [v for k, v in written if k == key] == [v for k, v in [*pairs, (b"k3", None)] if k == key]
    assert all(partition == partition_of(key or b"", 4) for _, partition, key, _ in producer.written)


@pytest.mark.parametrize("failure", [KafkaTimeoutError(), OSError("gone")])
async def test_a_failure_of_kafka_has_the_topics_name(failure: Exception) -> None:
    producer = FakeProducer()
    producer.failures = [failure, failure]
    with pytest.raises(StreamUnavailable, match=r"^t: (KafkaTimeoutError|gone)"):
        await send_all(producer, "t", [(b"k", b"v")])
    with pytest.raises(StreamUnavailable, match=r"^t: (KafkaTimeoutError|gone)"):
        await send_together(producer, "t", [(b"k", b"v")])


async def test_more_than_can_be_read_at_once_is_refused() -> None:
    producer = FakeProducer()
    with pytest.raises(StreamUnavailable, match=f"^t: more than {TOGETHER_BYTES_MAX} bytes cannot"):
        await send_together(producer, "t", [(b"k", random.randbytes(TOGETHER_BYTES_MAX // 2))] * 3)
    assert not producer.written


async def test_what_is_sent_together_is_one_batch() -> None:
    producer = FakeProducer()
    assert await send_together(producer, "t", []) is None
    assert await send_together(producer, "t", [(b"a", b"1"), (b"b", None)]) == 0
    assert await send_together(producer, "t", [(b"c", b"3")]) == 2
    assert producer.sends == 2
