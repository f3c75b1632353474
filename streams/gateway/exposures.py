"""Exposures: a bounded queue between answers, which never wait, and Kafka, which may be away."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime

from schemas.errors import StreamUnavailable
from schemas.ids import VisitorId
from streams.batches import Pair
from streams.clock import Clock
from streams.gateway.event_log import Log
from streams.gateway.labels import exposure_of
from streams.metrics import Metrics

QUEUED_MAX = 20_000
"""Some 10 MB; at 5,000 answers a second, four seconds without Kafka."""

FLUSH_EVERY_S = 0.2
FLUSH_AT_ONCE = 2_000


class Exposures:
    """Writes what was delivered, in the background; when full the newest are dropped, and counted."""

    def __init__(self, topic: str, log: Log, clock: Clock, metrics: Metrics) -> None:
        self._topic, self._log, self._clock, self._metrics = topic, log, clock, metrics
        self._queue: deque[Pair] = deque()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, visitor: VisitorId, layout: bytes, via: str) -> None:
        """Note that a layout was delivered."""
        if len(self._queue) >= QUEUED_MAX:
            self._metrics.count("exposures_dropped_total")
            return
        at = datetime.fromtimestamp(self._clock.now(), UTC).isoformat()
        self._queue.append((visitor.encode(), exposure_of(layout, at, via)))

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_flushing(), name="exposures")

    async def stop(self) -> None:
        """Stop, after one last try to write what is queued."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._flush()

    async def _keep_flushing(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            while self._queue and await self._flush():
                pass

    async def _flush(self) -> bool:
        """Write some of the queue; what is not surely written stays, and may so be written twice."""
        if not self._log.connected or not self._queue:
            return False
        pairs = [self._queue.popleft() for _ in range(min(len(self._queue), FLUSH_AT_ONCE))]
        try:
            await self._log.write_all(self._topic, pairs, within_s=2.0)
        except StreamUnavailable:
            self._queue.extendleft(reversed(pairs))
            return False
        self._metrics.count("exposures_total", len(pairs))
        return True
