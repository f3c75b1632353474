"""Lag of each held partition, and the end of a process whose offsets stand still while there is lag.

Faust's own stall detector compares two different clocks and can never report; a restart is the only cure for
a consumer that stopped fetching.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from schemas.errors import EtalageError, StreamUnavailable
from streams.logs import logger
from streams.ownership import NotAssigned, Ownership
from streams.vitals import Vitals

log = logger("watchdog")

LOOK_EVERY_S = 1.0
ANSWER_WITHIN_S = 5.0


class Stalled(EtalageError):
    """There is lag, and nothing was done for too long."""


class Ends(Protocol):
    async def ends(self) -> Mapping[int, int]:
        """The next offset to be written of every assigned partition."""
        ...


class Watchdog:
    """`excused` says that work waits for something that is itself bounded (Redis, with its own patience)."""

    def __init__(
        self,
        ownership: Ownership,
        ends: Ends,
        *,
        stall_s: float,
        excused: Callable[[], bool],
        vitals: Vitals,
    ) -> None:
        self._ownership, self._ends, self._stall_s, self._excused = ownership, ends, stall_s, excused
        self._halt, self._metrics, self._clock = vitals.halt, vitals.metrics, vitals.clock
        self._moved: dict[int, tuple[int, float]] = {}
        self.lag: dict[int, int] = {}

    async def run(self) -> None:
        """Look every second, for ever; halts the process when it stalled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    ends = await self._ends.ends()
                self.look(ends)
            except (StreamUnavailable, NotAssigned, TimeoutError) as exc:
                log.debug("the log's ends are not known", why=repr(exc))
            except Exception as exc:
                self._halt(exc)

    def look(self, ends: Mapping[int, int]) -> None:
        """Take the ends of the log in; Stalled when a partition with lag did not move for too long."""
        now = self._clock.monotonic()
        stands = {holding.partition: holding.next for holding in self._ownership.holdings()}
        assigned = self._ownership.assigned_partitions
        for partition in set(self._moved) - assigned:
            del self._moved[partition]
            self.lag.pop(partition, None)
            self._metrics.forget("consumer_lag_records", partition=partition)
        for partition in assigned:
            self._look_at(partition, stands.get(partition, -1), ends.get(partition), now)

    def _look_at(self, partition: int, stands: int, end: int | None, now: float) -> None:
        before, since = self._moved.get(partition, (None, now))
        lag = 0 if end is None or stands < 0 else max(0, end - stands)
        self.lag[partition] = lag
        self._metrics.set("consumer_lag_records", lag, partition=partition)
        waits = lag > 0 or stands < 0  # a partition that was never taken stands still too
        if stands != before or not waits or self._excused():
            since = now
        self._moved[partition] = (stands, since)
        if now - since > self._stall_s:
            raise Stalled(f"partition {partition} stood at {stands} for {now - since:.0f} s, lag {lag}")
