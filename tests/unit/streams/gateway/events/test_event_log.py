"""The gateway's log connects when Kafka comes, and says of each record whether it is surely written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka.errors import KafkaTimeoutError

from schemas.errors import StreamUnavailable
from streams.gateway.events import event_log as module
from streams.gateway.events.event_log import EventLog
from streams.kafka.batch_sending import Message, Producer
from streams.kafka.producer import ProducerConfig
from tests.unit.streams.eventually import eventually
from tests.unit.streams.kafka.fake_producer import FakeProducer

MESSAGE = Message("t", 0, b"k", b"v")


class FakeKafka:
    """Answers `start_producer`, or raises what is in `failures` first."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.producer = FakeProducer()

    async def start_producer(self, kafka: str, config: ProducerConfig) -> Producer:
        if self.failures:
            raise self.failures.pop(0)
        return self.producer


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> FakeKafka:
    made = FakeKafka()
    monkeypatch.setattr(module, "start_producer", made.start_producer)
    monkeypatch.setattr(module, "RESTART_S", 0)
    return made


@pytest.fixture
async def event_log(kafka: FakeKafka) -> AsyncIterator[EventLog]:
    made = EventLog("k:1")
    yield made
    await made.stop()


async def test_without_kafka_nothing_is_written(event_log: EventLog) -> None:
    assert not event_log.connected
    assert await event_log.append([MESSAGE]) == [None]
    with pytest.raises(StreamUnavailable, match="no connection to Kafka"):
        await event_log.write_all("t", [(b"k", b"v")], within_s=1)
    with pytest.raises(StreamUnavailable, match="no connection to Kafka"):
        await event_log.write_together("t", [(b"k", b"v")], within_s=1)


async def test_it_connects_when_kafka_comes(event_log: EventLog, kafka: FakeKafka) -> None:
    kafka.failures = [StreamUnavailable("away"), RuntimeError("a defect"), StreamUnavailable("away")]
    event_log.start()
    await eventually(lambda: event_log.connected)
    assert await event_log.append([MESSAGE, MESSAGE]) == [0, 1]
    await event_log.write_all("t", [(b"a", b"1")], within_s=1)
    assert await event_log.write_together("t", [(b"b", b"2")], within_s=1) == 3
    await event_log.stop()
    assert kafka.producer.stopped
    assert not event_log.connected


async def test_after_a_failure_it_is_tried_again(event_log: EventLog, kafka: FakeKafka) -> None:
    event_log.start()
    await eventually(lambda: event_log.connected)
    kafka.producer.failures = [KafkaTimeoutError()]
    assert await event_log.append([MESSAGE]) == [None]
    assert not event_log.connected
    assert await event_log.append([MESSAGE]) == [0]
    assert event_log.connected


async def test_kafka_is_spared_until_it_is_tried_again(
    kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTART_S", 3600)
    patient = EventLog("k:1")
    patient.start()
    await eventually(lambda: patient.connected)
    kafka.producer.failures = [KafkaTimeoutError()]
    assert await patient.append([MESSAGE]) == [None]
    assert await patient.append([MESSAGE]) == [None]
    assert kafka.producer.sends == 1
    await patient.stop()


async def test_nothing_to_write_asks_nobody(event_log: EventLog, kafka: FakeKafka) -> None:
    event_log.start()
    await eventually(lambda: event_log.connected)
    assert await event_log.append([]) == []
    assert kafka.producer.sends == 0


async def test_stopping_ends_an_attempt_to_connect(kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    trying = asyncio.Event()

    async def hang(kafka: str, config: ProducerConfig) -> Producer:
        trying.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(module, "start_producer", hang)
    log = EventLog("k:1")
    log.start()
    await trying.wait()
    await log.stop()
    assert log._task is not None
    assert log._task.cancelled()
