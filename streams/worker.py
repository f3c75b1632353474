"""`etalage worker`: one process, one Faust app, one engine; says when it is ready, ends in time."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack, suppress

from schemas.errors import ServiceMissing
from streams.assembly import Assembled, Assembly, Parts
from streams.clock import SystemClock
from streams.halting import halt, leave_after
from streams.health import ProbeServer, Readiness, Status, write_status
from streams.metrics import Metrics
from streams.settings import Settings

LOOK_EVERY_S = 0.1
HARD_EXIT_EXTRA_S = 4.0
"""After the drain: what Faust, Kafka and Redis need to say goodbye."""


class Worker:
    """`run` returns when the process was told to end and did."""

    def __init__(self, settings: Settings, parts: Parts | None = None) -> None:
        if settings.kafka is None or settings.redis is None:
            raise ServiceMissing("a worker needs ETALAGE_KAFKA and ETALAGE_REDIS (or run `etalage up`)")
        self._settings, self._parts = settings, parts or Parts()
        self._metrics = Metrics()
        self._ending = asyncio.Event()
        self._worker: Assembled | None = None
        self._said: Status | None = None

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._end)
        async with AsyncExitStack() as stack:
            probe = ProbeServer(readiness=self._readiness, metrics=self._metrics.render)
            address = await probe.start(self._settings.host, self._settings.probe_port)
            stack.push_async_callback(probe.stop)
            self._say(address)
            worker = await self._assembled(stack)
            if worker is not None:
                await worker.app.start()
                await self._watch(worker, address)
                await self._stop(worker)
            self._say(address)

    def _end(self) -> None:
        if not self._ending.is_set():
            self._ending.set()
            leave_after(self._settings.drain_s + HARD_EXIT_EXTRA_S)

    async def _assembled(self, stack: AsyncExitStack) -> Assembled | None:
        """The parts, connected; None when told to end before they were."""
        assembly = Assembly(
            self._settings, self._parts, metrics=self._metrics, clock=SystemClock(), stack=stack
        )
        making = asyncio.create_task(assembly.assembled(), name="assembly")
        ending = asyncio.create_task(self._ending.wait(), name="ending")
        await asyncio.wait((making, ending), return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not making.done():
            making.cancel()
            with suppress(asyncio.CancelledError):
                await making
            return None
        self._worker = making.result()
        return self._worker

    async def _watch(self, worker: Assembled, address: str) -> None:
        """Until told to end; halts when Faust gave up."""
        while not self._ending.is_set():
            if worker.app.crashed:
                halt(worker.app.crash_reason or RuntimeError("Faust stopped without a reason"))
            self._say(address)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._ending.wait()

    async def _stop(self, worker: Assembled) -> None:
        """What is under way ends, within the drain; what waits is read again by the next owner."""
        worker.ownership.revoked()
        await worker.app.stop()

    def _readiness(self) -> Readiness:
        if self._ending.is_set():
            return Readiness(False, "ending")
        if self._worker is None:
            return Readiness(False, "waiting for Kafka and Redis")
        ownership = self._worker.ownership
        if ownership.generation < 0:
            return Readiness(False, "not yet a member of the group")
        if not ownership.taken:
            return Readiness(False, "partitions are being taken")
        if not self._worker.follower.ready:
            return Readiness(False, self._worker.follower.reason)
        return Readiness(True)

    def _say(self, address: str) -> None:
        """Write the status file when something changed."""
        now = self._readiness()
        self._metrics.set("ready", now.ready)
        status = Status(
            kind="worker", pid=os.getpid(), ready=now.ready, probe=address, reason=now.reason or None
        )
        if self._settings.status and status != self._said:
            write_status(self._settings.status, status)
        self._said = status
