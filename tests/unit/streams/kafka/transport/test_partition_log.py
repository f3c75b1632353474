"""What the consumer's thread raises becomes an error of ours, or stays the defect that it is."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import IllegalStateError, KafkaTimeoutError

from schemas.errors import StreamUnavailable
from streams.kafka.transport.errors import NotAssigned
from streams.kafka.transport.partition_log import _translate_thread_errors


def test_a_consumer_that_has_ended_is_no_defect() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    with pytest.raises(StreamUnavailable, match="has ended"), _translate_thread_errors():
        loop.call_soon_threadsafe(print)


def test_other_runtime_errors_stay() -> None:
    with pytest.raises(RuntimeError, match="something else"), _translate_thread_errors():
        raise RuntimeError("something else")


def test_a_partition_that_went_is_told_from_a_kafka_that_is_away() -> None:
    with pytest.raises(NotAssigned, match="no partition"), _translate_thread_errors():
        raise IllegalStateError("no partition")
    with pytest.raises(StreamUnavailable, match=r"^Kafka: KafkaTimeoutError"), _translate_thread_errors():
        raise KafkaTimeoutError
