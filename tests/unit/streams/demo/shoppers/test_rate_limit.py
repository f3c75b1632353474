"""All shoppers together keep to one rate."""

from __future__ import annotations

import asyncio

import pytest

from streams.demo.shoppers.rate_limit import RateLimiter
from streams.runtime.clock import ManualClock


async def test_the_rate_holds_for_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, waits = ManualClock(), list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    limiter = RateLimiter(100, clock)
    for _ in range(4):
        await limiter.acquire(5)
    assert waits == pytest.approx([0, 0.05, 0.1, 0.15])
    clock.advance(1)
    await limiter.acquire()
    await limiter.acquire()
    assert waits[4:] == pytest.approx([0, 0.01]), "no burst after a pause"
