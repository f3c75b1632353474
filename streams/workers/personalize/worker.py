"""`etalage worker`: one process, one Faust app, one engine."""

from __future__ import annotations

from contextlib import AsyncExitStack

from schemas.errors import ServiceMissing
from streams.runtime.clock import SystemClock
from streams.runtime.settings import Settings
from streams.runtime.telemetry.metrics import Metrics
from streams.runtime.telemetry.probes import untroubled
from streams.workers.group.lifecycle import ProcessLifecycle, ProcessWork
from streams.workers.personalize.process import Assembly, TestSeams


class Worker:
    """`run` returns when the process was told to end and did."""

    def __init__(self, settings: Settings, parts: TestSeams | None = None) -> None:
        if settings.kafka is None or settings.redis is None:
            raise ServiceMissing("a worker needs ETALAGE_KAFKA and ETALAGE_REDIS (or run `etalage up`)")
        self._settings, self._parts, self._metrics = settings, parts or TestSeams(), Metrics()

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT."""
        await ProcessLifecycle("worker", self._settings, self._metrics).run(self._begin)

    async def _begin(self, stack: AsyncExitStack) -> ProcessWork:
        made = await Assembly(
            self._settings, self._parts, metrics=self._metrics, clock=SystemClock(), stack=stack
        ).assemble()
        shop = made.follower
        return ProcessWork(
            app=made.app,
            ownership=made.ownership,
            ready=lambda: untroubled(*made.troubles(), "" if shop.ready else shop.reason),
        )
