"""What the consumer's client raises becomes an error of ours, or stays the defect that it is."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from aiokafka.errors import IllegalStateError, KafkaTimeoutError

from schemas.errors import StreamUnavailable
from streams.kafka.transport.errors import NotAssigned
from streams.kafka.transport.partition_log import PartitionLog, _translate_client_errors


class EndingConsumer:
    """Of a consumer that stops while it is still asked."""

    client = SimpleNamespace(should_stop=True)


async def test_a_consumer_that_has_ended_is_no_defect() -> None:
    log = PartitionLog(SimpleNamespace(consumer=EndingConsumer()), "events")
    with pytest.raises(StreamUnavailable, match="has ended"):
        await log.bounds(0)


def test_defects_stay() -> None:
    with pytest.raises(RuntimeError, match="something else"), _translate_client_errors():
        raise RuntimeError("something else")


def test_a_partition_that_went_is_told_from_a_kafka_that_is_away() -> None:
    with pytest.raises(NotAssigned, match="no partition"), _translate_client_errors():
        raise IllegalStateError("no partition")
    with pytest.raises(StreamUnavailable, match=r"^Kafka: KafkaTimeoutError"), _translate_client_errors():
        raise KafkaTimeoutError
