"""Every error by which the client says that Kafka is away leaves as one of ours; defects stay."""

from __future__ import annotations

import pytest
from aiokafka import errors as aiokafka_errors

from schemas.errors import StreamUnavailable
from streams.kafka.endpoint.errors import translate_errors

AWAY = [
    aiokafka_errors.KafkaConnectionError("refused"),
    aiokafka_errors.KafkaTimeoutError(),
    aiokafka_errors.UnknownTopicOrPartitionError(),
    aiokafka_errors.ProducerClosed(),
    ConnectionResetError(),
    TimeoutError(),
]


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_kafka_away_is_one_error(error: Exception) -> None:
    with pytest.raises(StreamUnavailable, match=r"^events: .") as caught, translate_errors("events"):
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [RuntimeError("defect"), KeyError("defect"), StreamUnavailable("ours")])
def test_others_stay_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error), match=r"defect|ours") as caught, translate_errors("events"):
        raise error
    assert caught.value is error
