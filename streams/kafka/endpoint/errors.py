"""Which errors of the Kafka client mean that Kafka is away, and how they leave this package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import KafkaError

from schemas.errors import StreamUnavailable, error_text

KAFKA_ERRORS = (KafkaError, OSError, TimeoutError)
"""aiokafka's own, the network's, and those of a bound that we set."""


@contextmanager
def translate_errors(what: str) -> Iterator[None]:
    """Raise StreamUnavailable in place of KAFKA_ERRORS; others are defects and stay as they are.

    Args:
        what: What was being done or with which topic; the error's text begins with it.

    Raises:
        StreamUnavailable: `<what>: <text of the error, or its class when it has none>`.
    """
    try:
        yield
    except KAFKA_ERRORS as exc:
        raise StreamUnavailable(f"{what}: {error_text(exc)}") from exc
