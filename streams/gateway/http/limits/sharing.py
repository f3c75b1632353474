"""What visitors, addresses and keys cost other gateways, through Redis; no request waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from schemas.errors import EtalageError, error_text
from streams.gateway.http.limits.request_limits import RequestLimits
from streams.gateway.http.limits.token_buckets import BURST_S
from streams.runtime.clock import Clock
from streams.runtime.telemetry.logs import LogOnce, logger
from streams.stores.keys import Keys
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.pipeline import raise_error

KEPT_MS = 15_000
"""Three windows: clocks of gateways may differ."""


class Spent(Struct, frozen=True, gc=False):
    """What an owner spent: ms in which its bucket fills again."""

    owner: str
    ms: int


async def add_spent(
    redis: ReconnectingConnection, keys: Keys, window: int, kind: str, spent: Sequence[Spent]
) -> list[int]:
    """Add to what was spent in a window; all commands leave in one write.

    Args:
        redis: the connection.
        keys: of the namespace.
        window: its number.
        kind: visitor, address or key.
        spent: by owner.

    Returns:
        What all gateways spent for each owner until now, ms.

    Raises:
        StoreUnavailable, CommandRefused: of the first command that failed.
    """
    totals = []
    for one in spent:
        key = keys.spent(window, kind, one.owner)
        totals.append(redis.ask("INCRBY", key, one.ms))
        redis.ask("PEXPIRE", key, KEPT_MS)
    return [int(raise_error(await total)) for total in totals]


EXCHANGE_EVERY_S = 0.25
EXCHANGE_WITHIN_S = 1.0
EXCHANGED_MAX = 1_000
"""Owners of one kind told at once, those who cost most first: some 10 ms of Redis a second."""
SPENT_MS_MAX = 3_600_000

AddSpent = Callable[[int, str, Sequence[Spent]], Awaitable[list[int]]]
"""Adds what was spent in a window to what all gateways spent, and returns that, in ms."""


class SharedLimits:
    """Takes out of the buckets here what their owners cost elsewhere.

    Windows of BURST_S seconds of the wall clock are added up in Redis. What is missed fails open: what others
    spent after the last exchange of a window, clocks that differ, a Redis that does not answer. An owner can
    use a bucket in each gateway before the first exchange tells of it.

    Args:
        limits: of this gateway.
        add: the store.
        clock: says which window it is.
    """

    def __init__(self, limits: RequestLimits, add: AddSpent, clock: Clock) -> None:
        self._limits, self._add, self._clock = limits, add, clock
        self._trouble = LogOnce()
        self._window = -1
        self._known: dict[tuple[str, str], tuple[int, int]] = {}
        """(kind, owner) → ms that we told, and that we know of others, in the window."""
        limits.record_spent()

    async def keep_exchanging(self) -> None:
        """For ever: exchange; while Redis does not answer each gateway counts for itself."""
        while True:
            await asyncio.sleep(EXCHANGE_EVERY_S)
            try:
                async with asyncio.timeout(EXCHANGE_WITHIN_S):
                    await self.exchange()
            except (EtalageError, TimeoutError) as exc:
                if self._trouble.begins():
                    logger("limits").warning("limits are not shared", service="redis", error=error_text(exc))
            else:
                self._trouble.ends()

    async def exchange(self) -> None:
        """Tell what was spent here since the last time, and take in what was spent elsewhere.

        Raises:
            EtalageError: the store did not answer; what was to be told is not told again.
        """
        window = int(self._clock.now() // BURST_S)
        if window != self._window:
            self._window = window
            self._known.clear()
        taken = {kind: buckets.take_spent(EXCHANGED_MAX) for kind, buckets in self._limits.buckets.items()}
        for kind, buckets in self._limits.buckets.items():  # after an outage nothing of it is told
            spent = [Spent(owner, round(min(s * 1000, SPENT_MS_MAX))) for owner, s in taken[kind]]
            for one in spent:  # before it is sent: if it is lost, it must not seem to be others'
                told, others = self._known.get((kind, one.owner), (0, 0))
                self._known[kind, one.owner] = told + one.ms, others
            totals = await self._add(window, kind, spent) if spent else []
            for one, total in zip(spent, totals, strict=True):
                told, others = self._known[kind, one.owner]
                if (news := total - told - others) > 0:
                    buckets.add(one.owner, news / 1000, self._clock.monotonic())
                    self._known[kind, one.owner] = told, others + news
