"""Lag of each held partition, and the end of a process whose offsets stand still while there is lag.

Faust's own stall detector compares two different clocks and can never report; a restart is the only cure for
a consumer that stopped fetching.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from schemas.errors import EtalageError, StreamUnavailable
from streams.kafka.transport.errors import NotAssigned
from streams.runtime.telemetry.logs import logger
from streams.runtime.vitals import ProcessContext
from streams.workers.group.ownership import Holding, Ownership

log = logger("watchdog")

LOOK_EVERY_S = 1.0
ANSWER_WITHIN_S = 5.0
SILENT_S = 10.0
"""How long Kafka may keep the log's ends to itself before that is trouble: lag is not known meanwhile."""
NEVER = float("-inf")


class Stalled(EtalageError):
    """There is lag, and nothing was done for too long."""


class Ends(Protocol):
    async def ends(self) -> Mapping[int, int]:
        """The offset behind the last record there is, of every assigned partition."""
        ...


class _Seen:
    """What was seen of one partition: where it stood, since when, and when there was last no lag.

    `known` is where it stood when last held (-1: never); `since` is of the monotonic clock; `first_at` and
    `level_at` are epoch seconds.
    """

    __slots__ = ("first_at", "known", "level_at", "since", "stands")

    def __init__(self, stands: int, since: float, first_at: float) -> None:
        self.stands, self.known, self.since = stands, stands, since
        self.first_at, self.level_at = first_at, NEVER

    def age(self, holding: Holding | None, at: float) -> float:
        """Seconds that the oldest record not yet settled has been there, at most.

        It came after the last one that was settled, and after the last look that found nothing to do.
        """
        after = max(holding.arrived if holding else NEVER, self.level_at)
        return max(0.0, at - (self.first_at if after == NEVER else after))


class Watchdog:
    """`excused` says that work waits for something that is itself bounded (Redis, with its own patience)."""

    def __init__(
        self,
        ownership: Ownership,
        ends: Ends,
        *,
        stall_s: float,
        excused: Callable[[], bool],
        vitals: ProcessContext,
    ) -> None:
        self._ownership, self._ends, self._stall_s, self._excused = ownership, ends, stall_s, excused
        self._halt, self._metrics, self._clock = vitals.halt, vitals.metrics, vitals.clock
        self._seen: dict[int, _Seen] = {}
        self.lag: dict[int, int] = {}
        self._looked_at = self._clock.monotonic()

    @property
    def trouble(self) -> str:
        """That lag is not known, in one line; empty when it is."""
        silent = self._clock.monotonic() - self._looked_at
        return f"Kafka has not told the log's ends for {silent:.0f} s" if silent > SILENT_S else ""

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
        self._looked_at = self._clock.monotonic()
        assigned = self._ownership.assigned_partitions
        for partition in set(self._seen) - assigned:
            del self._seen[partition]
            self.lag.pop(partition, None)
            self._metrics.forget("consumer_lag_records", partition=partition)
            self._metrics.forget("consumer_lag_seconds", partition=partition)
        for partition in assigned:
            self._look_at(partition, ends.get(partition))

    def _look_at(self, partition: int, end: int | None) -> None:
        holding = self._ownership.holding(partition)
        stands = holding.next if holding else -1
        before = self._seen.get(partition)
        known = before.known if before and stands < 0 else stands
        lag = 0 if end is None or known < 0 else max(0, end - known)
        waits = lag > 0 or stands < 0  # a partition that was never taken stands still too
        seen = self._noted(partition, stands, waits)
        age = seen.age(holding, self._clock.now()) if waits else 0.0
        self.lag[partition] = lag
        self._metrics.set("consumer_lag_records", lag, partition=partition)
        self._metrics.set("consumer_lag_seconds", age, partition=partition)
        still = self._clock.monotonic() - seen.since
        if still > self._stall_s:
            raise Stalled(f"partition {partition} stood at {stands} for {still:.0f} s, lag {lag}")

    def _noted(self, partition: int, stands: int, waits: bool) -> _Seen:
        """What is known of the partition, with this look taken in."""
        now, wall = self._clock.monotonic(), self._clock.now()
        new = partition not in self._seen
        seen = self._seen.setdefault(partition, _Seen(stands, now, wall))
        if stands != seen.stands or (new and stands > 0):
            self._metrics.set("progress_timestamp_seconds", wall)
        if stands != seen.stands or not waits or self._excused():
            seen.since = now
        if not waits:
            seen.level_at = wall
        seen.stands = stands
        if stands >= 0:
            seen.known = stands
        return seen
