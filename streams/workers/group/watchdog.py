"""Measures the consumer lag of each assigned partition; halts a process with lag and no progress.

Faust's own stall detector compares two different clocks and can never report; a restart is the only cure for
a consumer that stopped fetching.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from schemas.errors import EtalageError, StreamUnavailable
from streams.kafka.transport.errors import NotAssigned
from streams.runtime.process_context import ProcessContext
from streams.runtime.telemetry.logs import logger
from streams.workers.group.ownership import Holding, Ownership

log = logger("watchdog")

LOOK_EVERY_S = 0.5
ANSWER_WITHIN_S = 5.0
SILENT_S = 3.0
"""How long Kafka may leave the log's ends unknown, and lag with them, before the process is not ready."""
NEVER = float("-inf")


class Stalled(EtalageError):
    """There is lag, and no progress for `stall_s`."""


class LogEnds(Protocol):
    """Where each partition of the log ends."""

    async def ends(self) -> Mapping[int, int]:
        """The offset behind the last record there is, of every assigned partition.

        Raises:
            StreamUnavailable, NotAssigned: it cannot be known now.
        """
        ...


class _Progress:
    """What was seen of one partition.

    `next` is where it stood at the last look (-1: not held), since `since` (monotonic s); `last_held` where
    it stood when last held (-1: never). `first_at` is the first look, `no_lag_at` the last one without lag
    (epoch s).
    """

    __slots__ = ("first_at", "last_held", "next", "no_lag_at", "since")

    def __init__(self, next_: int, since: float, first_at: float) -> None:
        self.next, self.last_held, self.since = next_, next_, since
        self.first_at, self.no_lag_at = first_at, NEVER

    def settled_until(self, holding: Holding | None) -> float:
        """Every record before this moment (epoch s) is settled; NEVER while that is not known.

        The oldest one that is not arrived after the last that was, and after the last look without lag.
        """
        return max(holding.arrived if holding else NEVER, self.no_lag_at)

    def lag_seconds(self, holding: Holding | None, at: float) -> float:
        """Age at `at` (epoch s) of the oldest record not yet settled, at most; while that is not known, for
        how long it has not been."""
        after = self.settled_until(holding)
        return max(0.0, at - (self.first_at if after == NEVER else after))


class Watchdog:
    """Measures lag and halts a stalled process.

    Args:
        ownership: what is assigned and held.
        ends: where the log ends.
        stall_s: how long a partition with lag may be without progress (ETALAGE_STALL_EXIT_S).
        is_retrying: whether work waits for Redis or Kafka, which is bounded by its own patience and no stall.
        context: clock, metrics, and how to halt.
    """

    def __init__(
        self,
        ownership: Ownership,
        ends: LogEnds,
        *,
        stall_s: float,
        is_retrying: Callable[[], bool],
        context: ProcessContext,
    ) -> None:
        self._ownership, self._ends, self._stall_s = ownership, ends, stall_s
        self._is_retrying = is_retrying
        self._halt, self._metrics, self._clock = context.halt, context.metrics, context.clock
        self._progress: dict[int, _Progress] = {}
        self.lag: dict[int, int] = {}
        """Records not yet settled, by partition, at the last look."""
        self._looked_at, self._asked_at = self._clock.monotonic(), self._clock.now()
        self._settled_until: dict[int, float] = {}
        """Of each partition that is held and of which it is known (epoch s), at the last look."""

    def behind_s(self, partition: int) -> float | None:
        """Age now of the oldest record not yet settled, at most; None while it is not known."""
        until = self._settled_until.get(partition)
        return None if until is None else max(0.0, self._clock.now() - until)

    @property
    def unready_reason(self) -> str:
        """That lag is not known, in one line; empty when it is."""
        silent = self._clock.monotonic() - self._looked_at
        return f"Kafka has not told the log's ends for {silent:.0f} s" if silent > SILENT_S else ""

    async def run(self) -> None:
        """Look every LOOK_EVERY_S, for ever; halts the process when it stalls."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            asked_at = self._clock.now()
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    ends = await self._ends.ends()
                self.look(ends, asked_at)
            except (StreamUnavailable, NotAssigned, TimeoutError) as exc:
                log.debug("log ends unknown", error=repr(exc))
            except Exception as exc:
                self._halt(exc)

    def look(self, ends: Mapping[int, int], asked_at: float | None = None) -> None:
        """Update lag by the `ends` of the log, asked for at that moment (epoch s; None: now).

        Raises:
            Stalled: a partition with lag made no progress.
        """
        self._looked_at = self._clock.monotonic()
        self._asked_at = self._clock.now() if asked_at is None else asked_at
        assigned = self._ownership.assigned_partitions
        for partition in set(self._progress) - assigned:
            self._forget(partition)
        for partition in assigned:
            self._look_at(partition, ends.get(partition))

    def _forget(self, partition: int) -> None:
        del self._progress[partition]
        self.lag.pop(partition, None)
        self._settled_until.pop(partition, None)
        self._metrics.forget("consumer_lag_records", partition=partition)
        self._metrics.forget("consumer_lag_seconds", partition=partition)

    def _look_at(self, partition: int, end: int | None) -> None:
        holding = self._ownership.holding(partition)
        next_ = holding.next if holding else -1
        before = self._progress.get(partition)
        from_ = before.last_held if before and next_ < 0 else next_
        lag = 0 if end is None or from_ < 0 else max(0, end - from_)
        behind = lag > 0 or next_ < 0  # a partition that was never acquired makes no progress either
        progress = self._update(partition, next_, behind=behind)
        self._note_settled(partition, progress, holding, known=end is not None)
        age = progress.lag_seconds(holding, self._clock.now()) if behind else 0.0
        self.lag[partition] = lag
        self._metrics.set("consumer_lag_records", lag, partition=partition)
        self._metrics.set("consumer_lag_seconds", age, partition=partition)
        still = self._clock.monotonic() - progress.since
        if still > self._stall_s:
            what = f"stood at {next_}" if next_ >= 0 else "is assigned and was not acquired"
            raise Stalled(f"partition {partition} {what} for {still:.0f} s, lag {lag}")

    def _note_settled(
        self, partition: int, progress: _Progress, holding: Holding | None, *, known: bool
    ) -> None:
        until = progress.settled_until(holding)
        if holding is None or not known or until == NEVER:
            self._settled_until.pop(partition, None)
        else:
            self._settled_until[partition] = until

    def _update(self, partition: int, next_: int, *, behind: bool) -> _Progress:
        """The partition's progress, with this look taken in."""
        now, wall = self._clock.monotonic(), self._clock.now()
        new = partition not in self._progress
        progress = self._progress.setdefault(partition, _Progress(next_, now, wall))
        if next_ != progress.next or (new and next_ > 0):
            self._metrics.set("progress_timestamp_seconds", wall)
        if next_ != progress.next or not behind or self._is_retrying():
            progress.since = now
        if 0 <= next_ < progress.last_held:  # the store forgot: what was settled once is not any more
            progress.no_lag_at, progress.first_at = NEVER, wall
        if not behind:
            progress.no_lag_at = self._asked_at
        progress.next = next_
        if next_ >= 0:
            progress.last_held = next_
        return progress
