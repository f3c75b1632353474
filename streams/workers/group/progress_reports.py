"""Tells gateways and operators how far behind the log the partitions are that this process holds.

Gateways are told through the store; what a dead or hanging worker last said grows old there, so its silence
is told too. Operators read in the process' log how far a backlog or a rebuild is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from schemas.errors import StoreUnavailable
from streams.runtime.clock import Clock
from streams.runtime.process_context import ProcessContext
from streams.runtime.telemetry.logs import logger
from streams.stores.progress import ProgressReport
from streams.workers.group.ownership import Holding, Ownership

log = logger("progress")

REPORT_EVERY_S = 0.5
"""64 partitions cost Redis and the worker together about a millisecond each time."""
ANSWER_WITHIN_S = 2.0
BACKLOG_S, TELL_EVERY_S = 10.0, 10.0


class Lags(Protocol):
    """The part of `Watchdog` that is asked; `lag` is records not yet settled, by partition."""

    lag: dict[int, int]

    def behind_s(self, partition: int) -> float | None: ...


class ReportStore(Protocol):
    """The part of a store that is told."""

    async def report(self, reports: Sequence[ProgressReport]) -> None: ...


class ProgressReports:
    """Reports every REPORT_EVERY_S; a partition of which nothing is known is left out.

    Args:
        store: takes the reports; one that does not answer in time gets the next ones.
        ownership: what is held, under which epoch.
        lags: how far behind each partition is.
        context: `halt` ends the process on a defect.
    """

    def __init__(self, store: ReportStore, ownership: Ownership, lags: Lags, context: ProcessContext) -> None:
        self._store, self._ownership, self._lags, self._halt = store, ownership, lags, context.halt
        self._backlog = BacklogLog(context.clock)

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            try:
                self._backlog.note(sum(self._lags.lag.values()), self._furthest_behind())
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    await self.report()
            except (StoreUnavailable, TimeoutError) as exc:
                log.debug("progress not reported", error=repr(exc))
            except Exception as exc:
                self._halt(exc)

    async def report(self) -> None:
        """Report all held partitions once, in one round trip.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        reports = [one for holding in self._ownership.holdings() if (one := self._report_of(holding))]
        if reports:
            await self._store.report(reports)

    def _furthest_behind(self) -> float | None:
        """Of the partitions that have a lag; None when one of them does not know."""
        behind = [self._lags.behind_s(partition) for partition, lag in self._lags.lag.items() if lag]
        known = [one for one in behind if one is not None]
        return max(known, default=0.0) if len(known) == len(behind) else None

    def _report_of(self, holding: Holding) -> ProgressReport | None:
        behind_s = self._lags.behind_s(holding.partition)
        if behind_s is None:
            return None
        return ProgressReport(
            partition=holding.partition, epoch=holding.epoch, done=holding.done, behind_s=behind_s
        )


class BacklogLog:
    """Logs that there is a backlog of more than BACKLOG_S, every TELL_EVERY_S how far it is, and its end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began: float | None = None
        self._told, self._told_records = 0.0, 0

    def note(self, records: int, behind_s: float | None) -> None:
        """Take in a look.

        Args:
            records: not yet settled, of all partitions.
            behind_s: age of the oldest of them; None when it is not known.
        """
        now = self._clock.monotonic()
        if behind_s is not None and behind_s <= BACKLOG_S:
            if self._began is not None:
                log.info("caught up", after_s=round(now - self._began, 1))
            self._began = None
        elif self._began is None:
            self._began = now
            self._tell(now, records, behind_s, per_s=None)
        elif now - self._told >= TELL_EVERY_S:
            self._tell(now, records, behind_s, per_s=(self._told_records - records) / (now - self._told))

    def _tell(self, now: float, records: int, behind_s: float | None, *, per_s: float | None) -> None:
        """`per_s` is by how many records the backlog shrank each second; with it the time left is told."""
        left_s = round(records / per_s) if per_s is not None and per_s > 0 else None
        log.info(
            "catching up",
            records_left=records,
            behind_s=None if behind_s is None else round(behind_s, 1),
            fewer_per_s=None if per_s is None else round(per_s),
            left_s=left_s,
        )
        self._told, self._told_records = now, records
