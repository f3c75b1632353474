"""Which errors of the Kafka client mean that Kafka is away, how they leave this package, and closing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress

from aiokafka.errors import KafkaError

from schemas.errors import StreamUnavailable, error_text

KAFKA_ERRORS = (KafkaError, OSError, TimeoutError)
"""aiokafka's own, the network's, and those of a bound that we set."""

CLOSE_WITHIN_S = 1.0
"""How long a client may take to close its connections.

A TLS connection waits 30 s for a broker that does not answer its goodbye, which happens; it ends by itself.
"""


async def close_client(stopping: Awaitable[None], *, within_s: float = CLOSE_WITHIN_S) -> None:
    """Await the stop of a client for at most `within_s`; Kafka's errors are of no interest any more."""
    with suppress(*KAFKA_ERRORS):
        async with asyncio.timeout(within_s):
            await stopping


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
