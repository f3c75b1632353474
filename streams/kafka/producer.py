"""Records that leave a worker: handed to Kafka, tried again while it does not answer, then known as safe."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from streams.kafka.batching import Pair, send_all
from streams.runtime.retries import Retries


class Publisher:
    """Over one aiokafka producer of raw bytes, which stays the caller's."""

    def __init__(self, producer: Any, retries: Retries) -> None:
        self._producer = producer
        self._retries = retries

    def publish(self, topic: str, pairs: Sequence[Pair]) -> asyncio.Task[None]:
        """Begin to send; the task ends when all are written, or with StreamUnavailable when patience did.

        A record may be written twice when an answer was lost.
        """
        return asyncio.create_task(self._send(topic, pairs), name=f"publish-{topic}")

    async def _send(self, topic: str, pairs: Sequence[Pair]) -> None:
        await self._retries("publish", lambda: send_all(self._producer, topic, pairs))
