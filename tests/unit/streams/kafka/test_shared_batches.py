"""Callers who write at the same moment share batches; each learns where its own records stand."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError

from streams.kafka.batch_sending import Message
from streams.kafka.shared_batches import PLACED_AT_ONCE, SharedBatches
from streams.runtime.tasks import cancel_and_wait
from tests.unit.streams.kafka.fake_producer import FakeProducer


async def send(
    producer: FakeProducer, records: Sequence[Message], *, within_s: float = 10.0
) -> list[int | None]:
    return await SharedBatches(producer).send_each(records, within_s=within_s)


def messages(count: int) -> list[Message]:
    return [Message("t", 0, b"k", b"%d" % n) for n in range(count)]


async def test_each_record_has_its_offset() -> None:
    producer = FakeProducer()
    assert await send(producer, messages(200)) == list(range(200))
    assert [value for *_, value in producer.written] == [message.value for message in messages(200)]
    assert await send(producer, []) == []


@pytest.mark.parametrize("failure", [KafkaTimeoutError(), OSError("gone"), AssertionError()])
async def test_what_comes_after_a_failure_is_not_surely_written(failure: Exception) -> None:
    producer = FakeProducer()
    await send(producer, messages(1))
    producer.failures = [failure]
    assert await send(producer, messages(2)) == [None, None]
    assert await send(producer, messages(1)) == [1]


async def test_what_is_not_acknowledged_in_time_is_not_surely_written() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    producer = FakeProducer()
    producer.silent = True
    assert await send(producer, messages(3), within_s=0) == [None] * 3
    producer.unacknowledged.pop().set_exception(KafkaTimeoutError())  # aiokafka gives up later
    await asyncio.sleep(0)
    gc.collect()
    assert complaints == []


async def test_callers_share_the_batch_that_waits() -> None:
    producer = FakeProducer()
    producer.busy = True
    batches = SharedBatches(producer)
    callers = [asyncio.create_task(batches.send_each(messages(2), within_s=10)) for _ in range(3)]
    await asyncio.sleep(0)
    producer.send_waiting()
    assert await asyncio.gather(*callers) == [[0, 1], [2, 3], [4, 5]]
    assert producer.sends == 1
    producer.busy = False
    assert await batches.send_each(messages(1), within_s=10) == [6]  # the batch that was sent takes no more


class FullProducer(FakeProducer):
    """Takes no batch before `free` is set; counts who waits for that."""

    def __init__(self) -> None:
        super().__init__(batch_bytes=100)
        self.free = asyncio.Event()
        self.waiting = self.waiting_max = 0

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[Any]:
        self.waiting += 1
        self.waiting_max = max(self.waiting_max, self.waiting)
        await self.free.wait()
        self.waiting -= 1
        return await super().send_batch(batch, topic, partition=partition)


async def test_one_caller_waits_for_a_partition_and_the_others_behind_it() -> None:
    """aiokafka would let them overtake each other, and give up one who was overtaken often."""
    producer = FullProducer()
    batches = SharedBatches(producer)
    callers = [
        asyncio.create_task(batches.send_each([Message("t", 0, b"k", b"%d" % n)], within_s=10))
        for n in range(8)
    ]
    for _ in range(5):
        await asyncio.sleep(0)
    producer.free.set()
    assert await asyncio.gather(*callers) == [[n] for n in range(8)]
    assert [value for *_, value in producer.written] == [b"%d" % n for n in range(8)]
    assert producer.waiting_max == 1


async def test_who_gives_up_waiting_lets_the_next_one_in() -> None:
    """The first is cancelled while it hands over, the second while it waits behind the first."""
    producer = FullProducer()
    batches = SharedBatches(producer)
    callers = [asyncio.create_task(batches.send_each(messages(1), within_s=10)) for _ in range(4)]
    for _ in range(5):
        await asyncio.sleep(0)
    for given_up in (callers[1], callers[0]):
        given_up.cancel()
        await asyncio.wait([given_up])
    producer.free.set()
    assert await asyncio.gather(*callers[2:]) == [[0], [1]]
    assert len(producer.written) == 2


async def test_the_time_of_one_caller_does_not_end_the_others() -> None:
    producer = FakeProducer()
    producer.busy = True
    batches = SharedBatches(producer)
    patient = asyncio.create_task(batches.send_each(messages(1), within_s=10))
    await asyncio.sleep(0)
    assert await batches.send_each(messages(1), within_s=0) == [None]
    producer.send_waiting()
    assert await patient == [0]


async def test_a_batch_that_was_given_up_takes_no_more_records() -> None:
    producer = FakeProducer()
    producer.busy = True
    batches = SharedBatches(producer)
    unlucky = asyncio.create_task(batches.send_each(messages(1), within_s=10))
    await asyncio.sleep(0)
    producer.give_up_waiting(KafkaTimeoutError())
    assert await unlucky == [None]
    producer.busy = False
    assert await batches.send_each(messages(2), within_s=10) == [0, 1]


async def test_a_full_batch_is_followed_by_another_in_order() -> None:
    producer = FakeProducer(batch_bytes=100)
    producer.busy = True
    sending = asyncio.create_task(send(producer, messages(10)))
    await asyncio.sleep(0)
    producer.send_waiting()
    assert await sending == list(range(10))
    assert producer.sends > 1
    assert [value for *_, value in producer.written] == [b"%d" % n for n in range(10)]


async def test_partitions_have_batches_of_their_own() -> None:
    producer = FakeProducer(partitions=2)
    records = [Message("t", n % 2, b"k", b"%d" % n) for n in range(4)]
    producer.busy = True
    sending = asyncio.create_task(send(producer, records))
    await asyncio.sleep(0)
    producer.send_waiting()
    assert await sending == [0, 2, 1, 3]  # the fake counts offsets over all partitions
    assert [(partition, value) for _, partition, _, value in producer.written] == [
        (0, b"0"), (0, b"2"), (1, b"1"), (1, b"3"),
    ]  # fmt: skip


async def test_many_records_let_the_loop_turn() -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    await send(FakeProducer(), messages(4 * PLACED_AT_ONCE))
    await cancel_and_wait(counting)
    assert turns >= 4
