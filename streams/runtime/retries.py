"""Passing failures are tried again in place, with jitter, until patience ends; then they leave."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from schemas.errors import StoreUnavailable, StreamUnavailable
from streams.runtime.clock import Clock
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics
from streams.runtime.telemetry.told import LogOnce

T = TypeVar("T")
log = logger("retries")

PASSING = (StoreUnavailable, StreamUnavailable)
"""Our own words for what may pass by itself."""

STORE_STAGES = frozenset({"load", "write", "verify", "claim"})
"""Each try of these is one call of Redis."""

FIRST_WAIT_S, LONGEST_WAIT_S = 0.02, 1.0


class Retry(Protocol):
    """A way to try again."""

    async def __call__(self, stage: str, call: Callable[[], Awaitable[T]]) -> T: ...


class Retries:
    """Calls of a `service`; `deadline_s` bounds one try, `patience_s` all of them."""

    def __init__(
        self, service: str, *, deadline_s: float, patience_s: float, clock: Clock, metrics: Metrics
    ) -> None:
        self._service = service
        self._deadline_s = deadline_s
        self._patience_s = patience_s
        self._clock = clock
        self._metrics = metrics
        self.waiting = 0  # calls that failed at least once and have not succeeded yet
        self._why = ""
        self._told = LogOnce()

    @property
    def trouble(self) -> str:
        """Why calls have to wait, in one line; empty when none does."""
        return self._why if self.waiting else ""

    async def __call__(self, stage: str, call: Callable[[], Awaitable[T]]) -> T:
        """The answer of `call`; its last failure when patience ended. Other errors leave at once."""
        try:
            return await self._once(stage, call)
        except PASSING as exc:
            self.waiting += 1
            try:
                return await self._again(stage, call, exc)
            finally:
                self.waiting -= 1
                self._tell_end()

    async def _again(self, stage: str, call: Callable[[], Awaitable[T]], failed: Exception) -> T:
        until = self._clock.monotonic() + self._patience_s
        wait_s = FIRST_WAIT_S
        while self._clock.monotonic() < until:
            self._why = str(failed)
            self._metrics.count("retries_total", stage=stage)
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            try:
                return await self._once(stage, call)
            except PASSING as exc:
                failed = exc
                self._tell(stage, failed)
        raise failed

    def _tell(self, stage: str, failed: Exception) -> None:
        """Say once, whatever the number of calls, that work waits; one failure alone is not worth a line."""
        if self._told.begins():
            log.warning("work waits", stage=stage, why=str(failed), patience_s=self._patience_s)

    def _tell_end(self) -> None:
        if not self.waiting and self._told.ends():
            log.warning("work waits no longer", waited_for=self._service)

    async def _once(self, stage: str, call: Callable[[], Awaitable[T]]) -> T:
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await call()
        except TimeoutError as exc:
            self._count(stage, "timeout")
            raise StoreUnavailable(f"{self._service}: no answer within {self._deadline_s:g} s") from exc
        except StoreUnavailable:
            self._count(stage, "unavailable")
            raise
        if stage in STORE_STAGES:
            spent = self._clock.monotonic() - started
            self._metrics.observe("store_duration_seconds", spent, operation=stage)
        return answer

    def _count(self, stage: str, kind: str) -> None:
        if stage in STORE_STAGES:
            self._metrics.count("store_errors_total", kind=kind)
