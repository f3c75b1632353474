"""The life of a process of a group: probes, status file, signals, its Faust app watched, an end in time."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any

import faust
from msgspec import Struct

from streams.runtime.process import halt, leave_after
from streams.runtime.settings import Settings
from streams.runtime.tasks import run_in_background
from streams.runtime.telemetry.metrics import Metrics
from streams.runtime.telemetry.probes import SIGN_EVERY_S, ProbeServer, Readiness, Status, StatusFile
from streams.workers.group.ownership import Ownership

LOOK_EVERY_S = 0.1
HARD_EXIT_EXTRA_S = 4.0
"""After the drain: what Faust, Kafka and Redis need to say goodbye."""


async def nothing() -> None:
    """Nothing is left to be done."""


class ProcessWork(Struct, frozen=True, kw_only=True):
    """What a process does: an app with the transport that `ownership` owns.

    `ready` speaks of the rest that must be there; `finish` is done first when told to end.
    """

    app: faust.App
    ownership: Ownership
    ready: Callable[[], Readiness] = lambda: Readiness(True)
    finish: Callable[[], Awaitable[None]] = nothing


Begin = Callable[[AsyncExitStack], Coroutine[None, None, ProcessWork]]


class ProcessLifecycle:
    """`run` returns when the process was told to end (SIGTERM, SIGINT) and did."""

    def __init__(self, kind: str, settings: Settings, metrics: Metrics) -> None:
        self._kind, self._settings, self._metrics = kind, settings, metrics
        self._ending = asyncio.Event()
        self._work: ProcessWork | None = None
        self._address = ""
        self._status = StatusFile(settings.status)

    async def run(self, begin: Begin) -> None:
        """Answer probes, do the work that `begin` puts together (its stack closes at the end), and end."""
        async with AsyncExitStack() as stack:
            probe = ProbeServer(readiness=self.readiness, metrics=self._metrics.render)
            self._address = await probe.start(self._settings.host, self._settings.probe_port)
            stack.push_async_callback(probe.stop)
            run_in_background(stack, self._give_signs(), "signs")
            beginning = asyncio.create_task(begin(stack), name="beginning")
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, self._end, beginning)
            with suppress(asyncio.CancelledError):  # told to end before it had begun
                self._work = await beginning
            if self._work is not None:
                await self._do(self._work)
            self._say()

    def readiness(self) -> Readiness:
        """Whether work can be done, and why not."""
        if self._ending.is_set():
            return Readiness(False, "ending")
        if self._work is None:
            return Readiness(False, "not yet connected; the log says what is waited for")
        rest = self._work.ready()
        if not rest.ready:
            return rest
        ownership = self._work.ownership
        if ownership.generation < 0:
            return Readiness(False, "not yet a member of the group")
        if not ownership.taken:
            return Readiness(False, "partitions are being taken")
        return rest

    def _end(self, beginning: asyncio.Task[ProcessWork]) -> None:
        if not self._ending.is_set():
            self._ending.set()
            beginning.cancel()
            leave_after(self._settings.drain_s + HARD_EXIT_EXTRA_S)

    async def _do(self, work: ProcessWork) -> None:
        """Until told to end: what is under way is finished, what waits is read again by the next owner."""
        await work.app.start()
        while not self._ending.is_set():
            if work.app.crashed:
                halt(work.app.crash_reason or RuntimeError("Faust stopped without a reason"))
            self._say()
            await self._pause()
        await work.finish()
        transport: Any = work.app.transport
        transport.owner.revoked()
        await work.app.stop()

    async def _pause(self) -> None:
        """A moment, or less when told to end; how late the loop came back says how busy it is."""
        clock = asyncio.get_running_loop().time
        due = clock() + LOOK_EVERY_S
        with suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await self._ending.wait()
                return
        self._metrics.observe("event_loop_lag_seconds", clock() - due)

    async def _give_signs(self) -> None:
        """Also while the app begins or ends, which may wait for Kafka: who waits does not hang."""
        while True:
            self._say()
            await asyncio.sleep(SIGN_EVERY_S)

    def _say(self) -> None:
        """Write the status file when something changed."""
        now = self.readiness()
        self._metrics.set("ready", now.ready)
        self._status.tell(
            Status(
                kind=self._kind,
                pid=os.getpid(),
                ready=now.ready,
                probe=self._address,
                reason=now.reason or None,
            )
        )
