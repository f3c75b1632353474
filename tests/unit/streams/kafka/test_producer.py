"""Producers are set up in one place, leave nothing open when Kafka is away, and retry what they publish."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError
from aiokafka.producer import message_accumulator
from aiokafka.record.default_records import DefaultRecordBatch

from schemas.errors import StreamUnavailable
from streams.kafka import producer as module
from streams.kafka.producer import (
    ProducerConfig,
    Publisher,
    install_quiet_batches,
    make_producer,
    open_producer,
    start_producer,
    stop_producer,
)
from streams.runtime.clock import SystemClock
from streams.runtime.retries import Retries
from streams.runtime.telemetry.metrics import Metrics
from tests.unit.streams.kafka.fake_producer import FakeProducer


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeProducer:
    """What `make_producer` builds in place of aiokafka's."""
    made = FakeProducer()
    monkeypatch.setattr(module, "AIOKafkaProducer", lambda **_: made)
    return made


async def test_every_setting_reaches_aiokafka(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def build(**settings: Any) -> FakeProducer:
        given.update(settings)
        return FakeProducer()

    monkeypatch.setattr(module, "AIOKafkaProducer", build)
    make_producer(
        "k1:1,k2:2",
        ProducerConfig(
            client_id="me", idempotent=True, linger_ms=1, request_timeout_ms=2, max_batch_bytes=3,
            max_request_bytes=4, metadata_max_age_ms=5,
        ),
    )  # fmt: skip
    assert given == {
        "bootstrap_servers": "k1:1,k2:2", "security_protocol": "PLAINTEXT", "client_id": "me", "acks": "all",
        "enable_idempotence": True, "linger_ms": 1, "request_timeout_ms": 2, "max_batch_size": 3,
        "max_request_size": 4, "metadata_max_age_ms": 5,
    }  # fmt: skip


async def test_aiokafka_takes_the_defaults() -> None:
    producer: Any = make_producer("k1:1,k2:2", ProducerConfig())
    assert isinstance(producer, AIOKafkaProducer)
    assert {(host, port) for host, port, _ in producer.client.hosts} == {("k1", 1), ("k2", 2)}
    await producer.stop()


async def test_kafka_away_leaves_nothing_open(fake: FakeProducer, free_port: int) -> None:
    fake.start_failure = KafkaConnectionError("Unable to bootstrap")
    with pytest.raises(StreamUnavailable, match=r"does not answer: .*Unable to bootstrap"):
        await start_producer(f"127.0.0.1:{free_port}", ProducerConfig())
    assert fake.stopped


async def test_a_start_that_is_cancelled_leaves_nothing_open(fake: FakeProducer) -> None:
    fake.start_failure = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await start_producer("k:1", ProducerConfig())
    assert fake.stopped


async def test_a_producer_is_stopped_with_its_block(fake: FakeProducer) -> None:
    async with open_producer("k:1", "t") as producer:
        assert producer is fake
        assert fake.started
        assert not fake.stopped
    assert fake.stopped


async def test_a_topic_that_is_missing_is_named(fake: FakeProducer) -> None:
    with pytest.raises(StreamUnavailable, match=r"^there is no topic other: run `etalage topics create`$"):
        async with open_producer("k:1", "other"):
            pytest.fail("there is nothing to write to")
    assert fake.stopped


async def test_stopping_waits_no_longer_than_its_bound() -> None:
    producer = FakeProducer()
    producer.hangs = True
    await stop_producer(producer, within_s=0)
    assert not producer.stopped


async def test_publishing_is_tried_again_until_it_is_acknowledged() -> None:
    producer = FakeProducer()
    producer.failures = [KafkaTimeoutError()]
    metrics = Metrics()
    retries = Retries("Kafka", deadline_s=60, patience_s=60, clock=SystemClock(), metrics=metrics)
    await Publisher(producer, retries).publish("t", [(b"k", b"v")])
    assert producer.written == [("t", 0, b"k", b"v")]
    assert b'etalage_retries_total{stage="publish"} 1.0' in metrics.render()


async def test_a_batch_that_is_given_up_unsent_leaves_nothing_for_the_loop_to_complain_of() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    install_quiet_batches()
    builder = message_accumulator.BatchBuilder(1024, DefaultRecordBatch.CODEC_NONE)
    batch = message_accumulator.MessageBatch(TopicPartition("t", 0), builder, 5, 0)
    future = batch.append(b"key", b"value", None)
    batch.failure(KafkaTimeoutError())
    assert isinstance(future.exception(), KafkaTimeoutError)
    del batch, future
    gc.collect()
    assert complaints == []
