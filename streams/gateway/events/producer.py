"""The producer of this process: started in the background, never waited for longer than a bound."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec import Struct

from schemas.errors import StreamUnavailable
from streams.kafka.batching import Pair, send_all, send_together
from streams.runtime.circuit_breaker import Circuit
from streams.runtime.tasks import ignore_result
from streams.runtime.telemetry.logs import logger

ACKNOWLEDGED_WITHIN_S = 1.0
"""A post waits no longer for Kafka; what is not acknowledged by then is answered `retry`."""

BATCH_LIFE_MS = 5_000
"""aiokafka gives a batch up after it; an event may still be written after its `retry` was answered."""

RESTART_S = 0.5
AT_ONCE = 64
"""Records handed over without letting the loop turn: about a millisecond."""

_FAILURES = (KafkaError, OSError, TimeoutError)


class Message(Struct, frozen=True):
    """One record to be."""

    topic: str
    partition: int
    key: bytes
    value: bytes


class Log(Protocol):
    """Where the gateway writes records."""

    @property
    def connected(self) -> bool:
        """Whether a write is likely to succeed now."""
        ...

    async def append(self, messages: Sequence[Message]) -> list[int | None]:
        """Write messages in order; the offset of each, None for one that is not surely written."""
        ...

    async def write_all(self, topic: str, pairs: Iterable[Pair], *, within_s: float) -> None:
        """Write many records of one topic, by key; StreamUnavailable when that is not sure."""
        ...

    async def write_together(self, topic: str, pairs: Sequence[Pair], *, within_s: float) -> int | None:
        """As `write_all`, to a topic of one partition, and so that nobody reads some without the others.

        The offset of the first record, None when there is none.
        """
        ...


class MemoryLog:
    """The twin in memory: offsets count from 0 in each partition; `down` is a Kafka that went away."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.written: dict[str, list[Pair]] = {}
        self.down = False
        self._ends: Counter[tuple[str, int]] = Counter()

    @property
    def connected(self) -> bool:
        return not self.down

    async def append(self, messages: Sequence[Message]) -> list[int | None]:
        if self.down:
            return [None] * len(messages)
        offsets: list[int | None] = []
        for message in messages:
            offsets.append(self._ends[message.topic, message.partition])
            self._ends[message.topic, message.partition] += 1
        self.messages += messages
        return offsets

    async def write_all(self, topic: str, pairs: Iterable[Pair], *, within_s: float) -> None:
        if self.down:
            raise StreamUnavailable(f"{topic}: down")
        self.written.setdefault(topic, []).extend(pairs)

    async def write_together(self, topic: str, pairs: Sequence[Pair], *, within_s: float) -> int | None:
        offset = len(self.written.get(topic, ()))
        await self.write_all(topic, pairs, within_s=within_s)
        return offset if pairs else None


class EventLog:
    """Sends records with acks=all. Boots without Kafka and connects when it comes."""

    def __init__(self, kafka: str, client_id: str = "etalage-gateway") -> None:
        self._kafka, self._client_id = kafka, client_id
        self._producer: Any = None
        self._task: asyncio.Task[None] | None = None
        self._circuit = Circuit(failures=1, trial_every_s=RESTART_S, service="Kafka")

    @property
    def connected(self) -> bool:
        return self._producer is not None and self._circuit.state == "closed"

    @property
    def producer(self) -> Any:
        """The running aiokafka producer; StreamUnavailable while there is no Kafka."""
        if self._producer is None:
            raise StreamUnavailable("there is no connection to Kafka")
        return self._producer

    async def write_all(self, topic: str, pairs: Iterable[Pair], *, within_s: float) -> None:
        await send_all(self.producer, topic, pairs, within_s=within_s)

    async def write_together(self, topic: str, pairs: Sequence[Pair], *, within_s: float) -> int | None:
        return await send_together(self.producer, topic, pairs, within_s=within_s)

    def start(self) -> None:
        self._task = asyncio.create_task(self._connect(), name="event-log")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stopped(producer)

    async def _connect(self) -> None:
        while self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._kafka,
                client_id=self._client_id,
                acks="all",
                linger_ms=1,
                request_timeout_ms=BATCH_LIFE_MS,
                metadata_max_age_ms=60_000,
            )
            try:
                await producer.start()
                self._producer = producer
            except Exception as exc:
                if not isinstance(exc, _FAILURES):
                    logger("gateway").warning("Kafka could not be reached", why=repr(exc))
                await _stopped(producer)
                await asyncio.sleep(RESTART_S)

    async def append(self, messages: Sequence[Message]) -> list[int | None]:
        loop = asyncio.get_running_loop()
        if not messages:
            return []
        if self._producer is None or not self._circuit.allows(loop.time()):
            return [None] * len(messages)
        sent: list[asyncio.Future[Any]] = []
        try:
            async with asyncio.timeout(ACKNOWLEDGED_WITHIN_S):
                for message in messages:
                    sent.append(await self._hand_over(message))
                    if len(sent) % AT_ONCE == 0:
                        await asyncio.sleep(0)
                await asyncio.wait(sent)
        except (*_FAILURES, AssertionError) as exc:  # aiokafka asserts that the partition is there (still)
            logger("gateway").warning("Kafka did not take events", error=repr(exc)[:200])
        offsets = [_offset(future) for future in sent] + [None] * (len(messages) - len(sent))
        if None in offsets:
            self._circuit.record_failure(loop.time())
        else:
            self._circuit.record_success()
        return offsets

    async def _hand_over(self, message: Message) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = await self._producer.send(
            message.topic, value=message.value, key=message.key, partition=message.partition
        )
        future.add_done_callback(ignore_result)
        return future


def _offset(future: asyncio.Future[Any]) -> int | None:
    if not future.done() or future.cancelled() or future.exception() is not None:
        return None
    offset: int = future.result().offset
    return offset


async def _stopped(producer: Any) -> None:
    """Stop a producer, giving it a moment to flush; never raises."""
    try:
        async with asyncio.timeout(ACKNOWLEDGED_WITHIN_S):
            await producer.stop()
    except _FAILURES:
        pass
