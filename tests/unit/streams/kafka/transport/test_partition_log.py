"""What the consumer's client raises becomes an error of ours, or stays the defect that it is."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from aiokafka.errors import IllegalStateError, KafkaTimeoutError
from mode.utils.locks import Event

from schemas.errors import StreamUnavailable
from streams.kafka.transport.chunk_client import ChunkClient
from streams.kafka.transport.errors import NotAssigned
from streams.kafka.transport.partition_log import PartitionLog, _translate_client_errors


async def test_a_consumer_that_has_ended_is_no_defect() -> None:
    ending = SimpleNamespace(client=SimpleNamespace(should_stop=True))
    log = PartitionLog(SimpleNamespace(consumer=ending), "events")
    with pytest.raises(StreamUnavailable, match="has ended"):
        await log.bounds(0)


async def test_a_consumer_that_has_not_connected_yet_is_no_defect() -> None:
    """The watchdog asks twice a second, and a slow broker may take longer to let the consumer in."""
    client = ChunkClient.__new__(ChunkClient)  # Faust would make an event loop and a thread
    client._stopped = Event()
    client._crashed = Event()
    client._consumer = None
    log = PartitionLog(SimpleNamespace(consumer=SimpleNamespace(client=client)), "events")
    for _ in range(2):
        with pytest.raises(StreamUnavailable, match="not connected yet"):
            await log.ends()
        with pytest.raises(StreamUnavailable, match="not connected yet"):
            await log.bounds(0)
        client._consumer = SimpleNamespace(_fetcher=None)  # as aiokafka makes it; `start` gives it one


def test_defects_stay() -> None:
    with pytest.raises(RuntimeError, match="something else"), _translate_client_errors():
        raise RuntimeError("something else")


def test_a_partition_that_went_is_told_from_a_kafka_that_is_away() -> None:
    with pytest.raises(NotAssigned, match="no partition"), _translate_client_errors():
        raise IllegalStateError("no partition")
    with pytest.raises(StreamUnavailable, match=r"^Kafka: KafkaTimeoutError"), _translate_client_errors():
        raise KafkaTimeoutError
