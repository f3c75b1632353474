"""Records that answers leave behind: a bounded queue before Kafka, for which no answer ever waits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from schemas.errors import StreamUnavailable
from streams.gateway.events.producer import Log
from streams.kafka.batching import Pair

QUEUED_MAX = 20_000
"""Some 10 MB of exposures; at 5,000 answers a second, four seconds without Kafka."""

FLUSH_EVERY_S = 0.2
FLUSH_AT_ONCE = 2_000
WRITTEN_WITHIN_S = 2.0


class Outbox:
    """Written in the background, in order; when full the newest are dropped. `sent` is told how many went."""

    def __init__(
        self, topic: str, log: Log, *, sent: Callable[[int], None], dropped: Callable[[], None]
    ) -> None:
        self._topic, self._log = topic, log
        self._sent, self._dropped = sent, dropped
        self._queue: deque[Pair] = deque()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, key: bytes, value: bytes) -> None:
        if len(self._queue) >= QUEUED_MAX:
            self._dropped()
            return
        self._queue.append((key, value))

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_flushing(), name=f"outbox-{self._topic}")

    async def stop(self) -> None:
        """Stop, after one last try to write what is queued."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        while await self._flush():
            pass

    async def _keep_flushing(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            while await self._flush():
                pass

    async def _flush(self) -> bool:
        """Write some of the queue; what is not surely written stays, and may so be written twice."""
        if not self._log.connected or not self._queue:
            return False
        pairs = [self._queue.popleft() for _ in range(min(len(self._queue), FLUSH_AT_ONCE))]
        try:
            await self._log.write_all(self._topic, pairs, within_s=WRITTEN_WITHIN_S)
        except BaseException as exc:
            self._queue.extendleft(reversed(pairs))
            if isinstance(exc, StreamUnavailable):
                return False
            raise
        self._sent(len(pairs))
        return True
