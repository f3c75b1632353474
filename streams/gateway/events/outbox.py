"""Records that no answer waits for: a bounded queue that is written to Kafka in the background."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from schemas.errors import StreamUnavailable
from streams.gateway.events.event_log import Log
from streams.kafka.batch_sending import Pair

QUEUED_MAX = 20_000
"""Own choice, not tuned: some 10 MB of exposures; at 5,000 answers a second, four seconds without Kafka."""

QUEUED_BYTES_MAX = 32 << 20
"""Decisions have 10 kB each: 20,000 of them would be a fifth of a gigabyte while Kafka is away."""

FLUSH_EVERY_S = 0.2
FLUSH_RECORDS = 2_000
"""The most that are written at once. While as many are queued, the next write follows without a pause."""
WRITTEN_WITHIN_S = 2.0


class Outbox:
    """A queue of records of one topic, written in order; when it is full the newest are dropped."""

    def __init__(
        self, topic: str, log: Log, *, on_sent: Callable[[int], None], on_dropped: Callable[[], None]
    ) -> None:
        """Set up an empty queue, which is written from `start` on.

        Args:
            topic: Full name of the topic.
            log: Where records are written while it is connected.
            on_sent: Called with the number of records that were acknowledged.
            on_dropped: Called for each record that found the queue full.
        """
        self._topic, self._log = topic, log
        self._on_sent, self._on_dropped = on_sent, on_dropped
        self._queue: deque[Pair] = deque()
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, key: bytes, value: bytes) -> None:
        """Queue a record, or drop it when QUEUED_MAX or QUEUED_BYTES_MAX are queued; never waits."""
        if len(self._queue) >= QUEUED_MAX or self._bytes + len(value) > QUEUED_BYTES_MAX:
            self._on_dropped()
            return
        self._queue.append((key, value))
        self._bytes += len(value)

    def start(self) -> None:
        """Begin to write what is queued, every FLUSH_EVERY_S, and at once when FLUSH_RECORDS are left."""
        self._task = asyncio.create_task(self._keep_flushing(), name=f"outbox-{self._topic}")

    async def stop(self) -> None:
        """Stop, after one last attempt to write what is queued."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        while await self._flush():
            pass

    async def _keep_flushing(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            while await self._flush() and len(self._queue) >= FLUSH_RECORDS:
                pass  # what came meanwhile, and is less, waits: each write costs a request to Kafka

    async def _flush(self) -> bool:
        """Write up to FLUSH_RECORDS of the queue; returns whether more may be written now.

        What was not acknowledged stays queued, and so may be written twice.
        """
        if not self._log.connected or not self._queue:
            return False
        pairs = [self._queue.popleft() for _ in range(min(len(self._queue), FLUSH_RECORDS))]
        try:
            await self._log.write_all(self._topic, pairs, within_s=WRITTEN_WITHIN_S)
        except BaseException as exc:
            self._queue.extendleft(reversed(pairs))
            if isinstance(exc, StreamUnavailable):
                return False
            raise
        self._bytes -= sum(len(value or b"") for _, value in pairs)
        self._on_sent(len(pairs))
        return True
