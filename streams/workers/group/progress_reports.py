"""Tells the gateways, through the store, how far behind the log each partition is that this process holds.

What a dead or hanging worker last said grows old in the store, so its silence is told too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from schemas.errors import StoreUnavailable
from streams.runtime.process_context import ProcessContext
from streams.runtime.telemetry.logs import logger
from streams.stores.progress import ProgressReport
from streams.workers.group.ownership import Holding, Ownership

log = logger("progress")

REPORT_EVERY_S = 0.5
"""64 partitions cost Redis and the worker together about a millisecond each time."""
ANSWER_WITHIN_S = 2.0


class Lags(Protocol):
    """The part of `Watchdog` that is asked."""

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

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            try:
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

    def _report_of(self, holding: Holding) -> ProgressReport | None:
        behind_s = self._lags.behind_s(holding.partition)
        if behind_s is None:
            return None
        return ProgressReport(
            partition=holding.partition, epoch=holding.epoch, done=holding.done, behind_s=behind_s
        )
