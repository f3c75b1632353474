"""A producer without Kafka: keeps what it is given, acknowledges it or fails as told."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords

Written = tuple[str, int, bytes | None, bytes | None]
"""Topic, partition, key, value."""


class FakeProducer:
    """Sends at once what it is given, unless told otherwise.

    `failures` are raised by the next sends, one each; with `silent` nothing is acknowledged; with `busy`
    batches wait, and take more records, until `send_waiting`.
    """

    def __init__(self, partitions: int = 1, *, batch_bytes: int = 16 << 10) -> None:
        self.client: Any = SimpleNamespace(fetch_all_metadata=self._metadata)
        self.topics = {"t"}
        self.written: list[Written] = []
        self.sends = 0
        self.failures: list[BaseException] = []
        self.unacknowledged: list[asyncio.Future[Any]] = []
        self.start_failure: BaseException | None = None
        self.silent = self.hangs = self.busy = False
        self._waiting: list[tuple[Any, str, int, asyncio.Future[Any]]] = []
        self.started = self.stopped = False
        self._partitions, self._batch_bytes = partitions, batch_bytes

    async def start(self) -> None:
        if self.start_failure is not None:
            raise self.start_failure
        self.started = True

    async def stop(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        self.stopped = True

    async def flush(self) -> None:
        if self.unacknowledged:
            await asyncio.wait(self.unacknowledged)

    async def partitions_for(self, topic: str) -> set[int]:
        return set(range(self._partitions))

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(self._batch_bytes, DefaultRecordBatch.CODEC_NONE)

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[Any]:
        if self.busy:
            acknowledged: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self._waiting.append((batch, topic, partition, acknowledged))
            return acknowledged
        return self._write(_written(batch, topic, partition))

    def send_waiting(self) -> None:
        """Send what waited while this was `busy`."""
        for batch, topic, partition, acknowledged in self._waiting:
            acknowledged.set_result(self._write(_written(batch, topic, partition)).result())
        self._waiting = []

    def _write(self, records: list[Written]) -> asyncio.Future[Any]:
        self.sends += 1
        if self.failures:
            raise self.failures.pop(0)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.silent:
            self.unacknowledged.append(future)
        else:
            future.set_result(SimpleNamespace(offset=len(self.written)))
        self.written += records
        return future

    async def _metadata(self) -> Any:
        return SimpleNamespace(topics=lambda: self.topics)

    def give_up_waiting(self, why: Exception) -> None:
        """Fail what waited, as aiokafka does when a partition has had no leader for too long."""
        for _, _, _, acknowledged in self._waiting:
            acknowledged.set_exception(why)
        self._waiting = []


def _written(batch: Any, topic: str, partition: int) -> list[Written]:
    """The records of a batch, which takes no more from now on."""
    records = MemoryRecords(bytes(batch._build())).next_batch()
    return [(topic, partition, record.key, record.value) for record in records]
