"""Records of many callers, each of whom waits for its own: one batch per partition for all of them.

aiokafka's `send` costs a future and 8 µs a record. Here a record is put into the batch of its partition that
is waiting to be sent, and its offset follows from the batch's.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from streams.kafka.batch_sending import Message, Producer
from streams.kafka.endpoint.errors import KAFKA_ERRORS
from streams.runtime.deadline import LoopFairDeadline
from streams.runtime.tasks import ignore_result
from streams.runtime.telemetry.logs import logger

log = logger("producer")

PLACED_AT_ONCE = 256
"""Records put into batches before other tasks get the loop: about half a millisecond."""

Acknowledged = asyncio.Future[Any]
"""Of a batch; its result names the offset of the batch's first record."""

_Placed = tuple[Acknowledged, int]
"""The batch of a record, and the record's number in it."""


class _OpenBatch(Struct, frozen=True, eq=False):
    """A batch that was handed to the producer; it takes records until the producer sends it."""

    builder: Any
    acknowledged: Acknowledged


class SharedBatches:
    """Sends what concurrent callers write in common batches.

    Args:
        producer: A running one, not idempotent (that counts a batch's records before it closes it); what it
            has not sent yet stays open for more records of the partition.
    """

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._open: dict[tuple[str, int], _OpenBatch] = {}
        self._begin_locks: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def send_each(self, messages: Sequence[Message], *, within_s: float) -> list[int | None]:
        """Send records and wait for their acknowledgement; failures are logged, not raised.

        Args:
            messages: The records; those of one partition are written in this order.
            within_s: Seconds for all of it.

        Returns:
            The offset of each; None for one that was not acknowledged in time: it may still be written.
        """
        placed: list[_Placed] = []
        try:
            with LoopFairDeadline(asyncio.get_running_loop().time() + within_s):
                for message in messages:
                    placed.append(self._join(message) or await self._begin(message))
                    if len(placed) % PLACED_AT_ONCE == 0:
                        await asyncio.sleep(0)
                for acknowledged, _ in placed:
                    if not acknowledged.done():
                        await _wait_until_done(acknowledged)
        except (*KAFKA_ERRORS, AssertionError) as exc:  # aiokafka asserts that the partition is there (still)
            log.warning("sending failed", service="kafka", error=repr(exc)[:200])
        offsets = [_offset_of(acknowledged, number) for acknowledged, number in placed]
        return offsets + [None] * (len(messages) - len(placed))

    def _join(self, message: Message) -> _Placed | None:
        """Put a record into the open batch of its partition; None when there is none with room."""
        batch = self._open.get((message.topic, message.partition))
        if batch is None or batch.acknowledged.done():  # a batch that was given up would take records still
            return None
        added = _append(batch.builder, message)
        return None if added is None else (batch.acknowledged, added.offset)

    async def _begin(self, message: Message) -> _Placed:
        """Hand a new batch with this record to the producer; waits while a full one of the partition does.

        One caller at a time: aiokafka 0.14 lets those who wait overtake each other, and gives up (with
        KafkaTimeoutError, long before its time) one who was overtaken often. The others join that batch.
        """
        async with self._begin_locks[message.topic, message.partition]:
            return self._join(message) or await self._hand_over(message)

    async def _hand_over(self, message: Message) -> _Placed:
        builder = self._producer.create_batch()
        _append(builder, message)  # aiokafka always takes one
        acknowledged = await self._producer.send_batch(builder, message.topic, partition=message.partition)
        acknowledged.add_done_callback(ignore_result)
        self._open[message.topic, message.partition] = _OpenBatch(builder, acknowledged)
        return acknowledged, 0


def _append(builder: Any, message: Message) -> Any:
    """Put a record into an open batch; None when it has no room."""
    return builder.append(key=message.key, value=message.value, timestamp=None, headers=message.headers)


async def _wait_until_done(acknowledged: Acknowledged) -> None:
    """Unlike `await`, this ends for one caller whose time is up without ending it for the others."""
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end_waiting(_: Acknowledged) -> None:
        if not waiter.done():
            waiter.set_result(None)

    acknowledged.add_done_callback(end_waiting)
    await waiter


def _offset_of(acknowledged: Acknowledged, number: int) -> int | None:
    """Where a record stands; None when that is not known."""
    if not acknowledged.done() or acknowledged.cancelled() or acknowledged.exception() is not None:
        return None
    first: int = acknowledged.result().offset
    return first + number
