"""Bounds how many events a second all shoppers together send."""

from __future__ import annotations

import asyncio

from streams.runtime.clock import Clock


class RateLimiter:
    """Grants turns in the order of the calls: on average at most `rate` events a second, without bursts."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._interval_s = 1 / rate
        self._clock = clock
        self._next_at = 0.0

    async def acquire(self, count: int = 1) -> None:
        """Wait until `count` events may be sent."""
        now = self._clock.monotonic()
        turn_at = max(now, self._next_at)
        self._next_at = turn_at + count * self._interval_s
        await asyncio.sleep(turn_at - now)
