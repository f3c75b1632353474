"""Where the gateway writes records: to Kafka, with a bound on each wait, or to memory for tests."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

from schemas.errors import StreamUnavailable
from streams.kafka.batch_sending import Message, Pair, Producer, send_all, send_together
from streams.kafka.endpoint.cluster import Kafka
from streams.kafka.producer import ProducerConfig, start_producer, stop_producer
from streams.kafka.shared_batches import SharedBatches
from streams.runtime.circuit_breaker import Circuit
from streams.runtime.telemetry.logs import logger

log = logger("gateway")

ACKNOWLEDGED_WITHIN_S = 1.0
"""Longest wait of a post for Kafka; what is not acknowledged by then is answered `retry`."""

BATCH_LIFE_MS = 5_000
"""aiokafka drops a batch after this; until then an event may be written though `retry` was answered."""

RESTART_S = 0.5
"""Between two attempts to connect."""

PRODUCER = ProducerConfig(
    client_id="etalage-gateway", request_timeout_ms=BATCH_LIFE_MS, metadata_max_age_ms=60_000
)
"""Without a linger: one request to a broker is under way at a time, and what comes meanwhile gathers."""


class Log(Protocol):
    """Where the gateway writes records."""

    @property
    def connected(self) -> bool:
        """Whether a write is likely to succeed now."""
        ...

    async def append(self, messages: Sequence[Message]) -> list[int | None]:
        """Write records that were assigned to partitions; those of one partition keep their order.

        Args:
            messages: At most those of one request; none is nothing to do.

        Returns:
            The offset of each, in order. None for one that was not acknowledged within a bound (one second
            over Kafka): it may be written or not, and whoever sent it may send it again.
        """
        ...

    async def write_all(self, topic: str, pairs: Iterable[Pair], *, within_s: float) -> None:
        """Write many records of one topic; the key decides the partition, those of one key keep their order.

        Args:
            topic: Full name of the topic.
            pairs: Key and value of each record; the value None is a tombstone.
            within_s: Seconds for all of it.

        Raises:
            StreamUnavailable: Not all were acknowledged in time; any of them may have been written.
        """
        ...

    async def write_together(self, topic: str, pairs: Sequence[Pair], *, within_s: float) -> int | None:
        """Write records to a topic of one partition so that readers see all of them or none.

        Args:
            topic: Full name of the topic.
            pairs: Key and value of each record, in order; at most `batch_sending.TOGETHER_BYTES_MAX` bytes.
            within_s: Seconds for all of it.

        Returns:
            The offset of the first record; None when there is none.

        Raises:
            StreamUnavailable: Not acknowledged in time (it may still be written), or too large.
        """
        ...


class MemoryLog:
    """A Log in memory: offsets count from 0 in each partition; `down` simulates a Kafka outage."""

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
    """Writes to Kafka with acks=all. Boots without Kafka and connects in the background when it comes."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._producer: Producer | None = None
        self._batches: SharedBatches | None = None
        self._task: asyncio.Task[None] | None = None
        self._circuit = Circuit(failures=1, trial_every_s=RESTART_S, service="kafka")

    @property
    def connected(self) -> bool:
        return self._producer is not None and self._circuit.state == "closed"

    async def append(self, messages: Sequence[Message]) -> list[int | None]:
        loop = asyncio.get_running_loop()
        if not messages:
            return []
        if self._batches is None or not self._circuit.allows(loop.time()):
            return [None] * len(messages)
        offsets = await self._batches.send_each(messages, within_s=ACKNOWLEDGED_WITHIN_S)
        if None in offsets:
            self._circuit.record_failure(loop.time())
        else:
            self._circuit.record_success()
        return offsets

    async def write_all(self, topic: str, pairs: Iterable[Pair], *, within_s: float) -> None:
        await send_all(self._require_producer(), topic, pairs, within_s=within_s)

    async def write_together(self, topic: str, pairs: Sequence[Pair], *, within_s: float) -> int | None:
        return await send_together(self._require_producer(), topic, pairs, within_s=within_s)

    def start(self) -> None:
        """Begin to connect; does not wait for Kafka."""
        self._task = asyncio.create_task(self._connect(), name="event-log")

    async def stop(self) -> None:
        """Flush for a moment and close; never raises for Kafka's errors."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        producer, self._producer, self._batches = self._producer, None, None
        if producer is not None:
            await stop_producer(producer)

    def _require_producer(self) -> Producer:
        if self._producer is None:
            raise StreamUnavailable("there is no connection to Kafka")
        return self._producer

    async def _connect(self) -> None:
        while True:
            try:
                self._producer = await start_producer(self._kafka, PRODUCER)
                self._batches = SharedBatches(self._producer)
                return
            except StreamUnavailable:
                pass  # Kafka is away: readiness and every answer say so
            except Exception as exc:
                log.warning("connecting failed", service="kafka", error=repr(exc))
            await asyncio.sleep(RESTART_S)
