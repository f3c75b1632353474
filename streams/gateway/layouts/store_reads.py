"""What the gateway reads of a visitor: through the circuit breaker, and never past a request's deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from schemas.errors import KeyUnreadable, StoreUnavailable
from schemas.ids import VisitorId
from streams.gateway.events.stream_progress import StreamProgress
from streams.runtime.circuit_breaker import Circuit
from streams.runtime.deadline import LoopFairDeadline
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.protocols import LayoutReader, Stored

T = TypeVar("T")

WAIT_MAX_S = 0.2
"""Longest wait for one read: Redis answers in a millisecond, or the page is made without it."""

MIN_COUNTED_WAIT_S = 0.02
"""A timeout after a shorter wait says nothing of Redis: neither the circuit breaker nor metrics count it."""


class ReadFailed(Exception):
    """The store did not answer; `reason` is the label of the layout that is served instead."""

    def __init__(self, reason: Literal["redis_timeout", "redis_down"]) -> None:
        super().__init__(reason)
        self.reason = reason


class StoreReads:
    """A LayoutReader with deadlines, a circuit breaker and error metrics; `progress` says how fresh it is.

    In each read `partition` is the one the visitor's records are in, and `until` the deadline: the event loop
    time (seconds) by which the answer must be there. No read waits longer than WAIT_MAX_S.

    Each read raises ReadFailed: `redis_timeout` when no answer came in time; `redis_down` when the connection
    failed or the visitor's key cannot be read, and at once while the circuit is open.
    """

    def __init__(
        self,
        reader: LayoutReader,
        metrics: Metrics,
        circuit: Circuit | None = None,
        stale_after_s: float = 3.0,
    ) -> None:
        self._reader = reader
        self._metrics = metrics
        self.circuit = circuit or Circuit()
        self.progress = StreamProgress(reader.progress, stale_after_s, metrics)

    @property
    def trouble(self) -> str:
        """Why nothing can be read now; empty as far as is known."""
        return self._reader.trouble

    async def read_layout(
        self, partition: int, visitor: VisitorId, until: float
    ) -> tuple[bytes, bytes] | None:
        """Head and body of the live layout, None when none is stored."""
        return await self._read(self._reader.layout, partition, visitor, until)

    async def read_state(self, partition: int, visitor: VisitorId, until: float) -> bytes | None:
        """The packed state, None for a visitor we do not know."""
        return await self._read(self._reader.state, partition, visitor, until)

    async def read_known_state(self, partition: int, visitor: VisitorId, until: float) -> bytes | None:
        """As `read_state`; when there is none, `progress` learns whether the store forgot what there was.

        A store that was flushed knows nobody: then this is no new visitor, and the answer must not say so.
        """
        state = await self.read_state(partition, visitor, until)
        if state is None and self.progress.furthest(partition) is not None:
            state = (await self.read_all(partition, visitor, until)).state
        return state

    async def read_all(self, partition: int, visitor: VisitorId, until: float) -> Stored:
        """State, layout and `done`, read atomically; the state includes all of its records before `done`."""
        seen = self.progress.furthest(partition)
        stored = await self._read(self._reader.state_layout_done, partition, visitor, until)
        self.progress.note_store(partition, seen, stored)
        return stored

    async def _read(
        self,
        read: Callable[[int, VisitorId], Awaitable[T]],
        partition: int,
        visitor: VisitorId,
        until: float,
    ) -> T:
        now = asyncio.get_running_loop().time()
        if not self.circuit.allows(now):
            raise ReadFailed("redis_down")
        try:
            with LoopFairDeadline(min(until, now + WAIT_MAX_S)):
                value = await read(partition, visitor)
        except TimeoutError:
            if until - now >= MIN_COUNTED_WAIT_S:
                self._metrics.count("store_errors_total", kind="timeout")
                self.circuit.record_failure(now)
            raise ReadFailed("redis_timeout") from None
        except StoreUnavailable as exc:
            if isinstance(exc, KeyUnreadable):  # one visitor's key says nothing of the others'
                self._metrics.count("store_errors_total", kind="unreadable")
            else:
                self._metrics.count("store_errors_total", kind="unavailable")
                self.circuit.record_failure(now)
            raise ReadFailed("redis_down") from None
        self.circuit.record_success()
        return value
