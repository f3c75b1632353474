"""What the gateway reads of a visitor, behind the circuit and never past the moment it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from schemas.errors import KeyUnreadable, StoreUnavailable
from schemas.ids import VisitorId
from streams.runtime.circuit_breaker import Circuit
from streams.runtime.deadline import LoopFairDeadline
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.protocols import LayoutReader, Stored

T = TypeVar("T")

WAIT_MAX_S = 0.2
"""Longest wait for one read: Redis answers in a millisecond, or the page is made without it."""

FAIR_WAIT_S = 0.02
"""A read that was given less says nothing of Redis when it ends unanswered: its caller was in a hurry."""


class Unread(Exception):
    """The store did not answer; `reason` is the label of the layout that is served instead."""

    def __init__(self, reason: Literal["redis_timeout", "redis_down"]) -> None:
        super().__init__(reason)
        self.reason = reason


class StoreReads:
    """Moments (`until`) are in the loop's time."""

    def __init__(self, reader: LayoutReader, metrics: Metrics, circuit: Circuit | None = None) -> None:
        self._reader = reader
        self._metrics = metrics
        self.circuit = circuit or Circuit()

    async def layout(self, partition: int, visitor: VisitorId, until: float) -> tuple[bytes, bytes] | None:
        """Head and body of the live layout, None when none is stored."""
        return await self._guarded(self._reader.layout, partition, visitor, until)

    async def state(self, partition: int, visitor: VisitorId, until: float) -> bytes | None:
        """The packed state, None for a visitor we do not know."""
        return await self._guarded(self._reader.state, partition, visitor, until)

    async def standing(self, partition: int, visitor: VisitorId, until: float) -> Stored:
        """State, layout and `done`: the state is at least as new as `done` says."""
        return await self._guarded(self._reader.state_layout_done, partition, visitor, until)

    async def _guarded(
        self,
        read: Callable[[int, VisitorId], Awaitable[T]],
        partition: int,
        visitor: VisitorId,
        until: float,
    ) -> T:
        now = asyncio.get_running_loop().time()
        if not self.circuit.allows(now):
            raise Unread("redis_down")
        try:
            with LoopFairDeadline(min(until, now + WAIT_MAX_S)):
                value = await read(partition, visitor)
        except TimeoutError:
            self._metrics.count("store_errors_total", kind="timeout")
            if until - now >= FAIR_WAIT_S:
                self.circuit.record_failure(now)
            raise Unread("redis_timeout") from None
        except StoreUnavailable as exc:
            self._metrics.count("store_errors_total", kind="unavailable")
            if not isinstance(exc, KeyUnreadable):  # one visitor's key says nothing of the others'
                self.circuit.record_failure(now)
            raise Unread("redis_down") from None
        self.circuit.record_success()
        return value
