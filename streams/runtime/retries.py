"""Retries of transient store and broker errors: in place, with jittered exponential backoff, bounded in time.

Backoff of FIRST_WAIT_S doubling to LONGEST_WAIT_S, times a factor drawn from 0.5 to 1 ("equal jitter" of
https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/); the numbers are our own choice,
not tuned.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from schemas.errors import StoreUnavailable, StreamUnavailable
from streams.runtime.clock import Clock
from streams.runtime.telemetry.logs import LogOnce, logger
from streams.runtime.telemetry.metrics import Metrics

T = TypeVar("T")
log = logger("retries")

TRANSIENT = (StoreUnavailable, StreamUnavailable)
"""The errors that are retried; every other one is raised at once."""

STORE_STAGES = frozenset({"load", "write", "verify", "claim"})
"""Each attempt of these is one call of Redis."""

FIRST_WAIT_S, LONGEST_WAIT_S = 0.02, 1.0


class Retry(Protocol):
    """A way to call again what failed for a moment."""

    async def __call__(self, stage: str, call: Callable[[], Awaitable[T]]) -> T:
        """The result of `call`; `stage` names it in metrics and logs."""
        ...


class Retries:
    """Retries calls of one service.

    Args:
        service: its name in errors, as `Redis`; in log lines it is lower-case.
        deadline_s: bound of one attempt; past it the attempt counts as StoreUnavailable.
        patience_s: bound of all attempts after the first failure (ETALAGE_PATIENCE_S).
        clock: whose monotonic time is used.
        metrics: `retries_total`, `store_duration_seconds`, `store_errors_total`.
    """

    def __init__(
        self, service: str, *, deadline_s: float, patience_s: float, clock: Clock, metrics: Metrics
    ) -> None:
        self._service = service
        self._deadline_s = deadline_s
        self._patience_s = patience_s
        self._clock = clock
        self._metrics = metrics
        self.waiting = 0
        """Calls that failed at least once and have not succeeded yet."""
        self._last_error = ""
        self._logged = LogOnce()

    @property
    def unready_reason(self) -> str:
        """The last error, in one line, while a call is being retried; empty when none is."""
        return self._last_error if self.waiting else ""

    async def __call__(self, stage: str, call: Callable[[], Awaitable[T]]) -> T:
        """Call until it succeeds.

        Args:
            stage: label of the metrics; those of STORE_STAGES are timed and counted as calls of Redis.
            call: makes the attempt; it must be safe to make twice.

        Returns:
            What `call` returned.

        Raises:
            StoreUnavailable, StreamUnavailable: the last failure, once `patience_s` is over.
            Exception: any other error of `call`, at its first occurrence.
        """
        try:
            return await self._attempt(stage, call)
        except TRANSIENT as exc:
            self.waiting += 1
            try:
                return await self._retry(stage, call, exc)
            finally:
                self.waiting -= 1
                self._log_end()

    async def _retry(self, stage: str, call: Callable[[], Awaitable[T]], failed: Exception) -> T:
        until = self._clock.monotonic() + self._patience_s
        wait_s = FIRST_WAIT_S
        while self._clock.monotonic() < until:
            self._last_error = str(failed)
            self._metrics.count("retries_total", stage=stage)
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            try:
                return await self._attempt(stage, call)
            except TRANSIENT as exc:
                failed = exc
                self._log_begin(stage, failed, until - self._clock.monotonic())
        raise failed

    def _log_begin(self, stage: str, failed: Exception, left_s: float) -> None:
        """One line for all calls that wait; a single failure is not worth one."""
        if self._logged.begins():
            log.warning(
                "retrying",
                service=self._service.lower(),
                stage=stage,
                error=str(failed),
                give_up_in_s=round(max(0.0, left_s), 1),
            )

    def _log_end(self) -> None:
        if not self.waiting and self._logged.ends():
            log.warning("retrying ended", service=self._service.lower())

    async def _attempt(self, stage: str, call: Callable[[], Awaitable[T]]) -> T:
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._deadline_s):
                result = await call()
        except TimeoutError as exc:
            self._count_error(stage, "timeout")
            raise StoreUnavailable(f"{self._service}: no answer within {self._deadline_s:g} s") from exc
        except StoreUnavailable:
            self._count_error(stage, "unavailable")
            raise
        if stage in STORE_STAGES:
            spent = self._clock.monotonic() - started
            self._metrics.observe("store_duration_seconds", spent, operation=stage)
        return result

    def _count_error(self, stage: str, kind: str) -> None:
        if stage in STORE_STAGES:
            self._metrics.count("store_errors_total", kind=kind)
