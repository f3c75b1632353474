"""The lifecycle of a consumer group's process: probes, status file, signals, Faust app, an end in time."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import cast

import faust
from msgspec import Struct

from streams.kafka.transport.consumer import ChunkTransport
from streams.runtime.process_context import exit_after, halt
from streams.runtime.settings import Settings
from streams.runtime.tasks import run_in_background
from streams.runtime.telemetry.metrics import Metrics
from streams.runtime.telemetry.probes import ProbeApp, Readiness, serve_probes
from streams.runtime.telemetry.status_file import HEARTBEAT_EVERY_S, ProcessStatus, StatusFile
from streams.workers.group.ownership import Ownership

LOOK_EVERY_S = 0.1
HARD_EXIT_EXTRA_S = 4.0
"""After the drain: what Faust, Kafka and Redis need to say goodbye."""


class GroupMember(Struct, frozen=True, kw_only=True):
    """What a process runs as a member of its consumer group.

    `app` has the transport that `ownership` owns; `readiness` speaks of all else that must be there;
    `before_stop` is awaited before partitions are given back.
    """

    app: faust.App
    ownership: Ownership
    readiness: Callable[[], Readiness] = lambda: Readiness(True)
    before_stop: Callable[[], Awaitable[None]] | None = None


Connect = Callable[[AsyncExitStack], Coroutine[None, None, GroupMember]]
"""Connects a process and starts nothing; what must be closed at the end is pushed on the stack."""


class ProcessLifecycle:
    """One process from its start to its end.

    Args:
        kind: `worker` or `items`, for the status file.
        settings: host, probe_port, status and drain_s are used.
        metrics: served on /metrics.
    """

    def __init__(self, kind: str, settings: Settings, metrics: Metrics) -> None:
        self._kind, self._settings, self._metrics = kind, settings, metrics
        self._ending = asyncio.Event()
        self._member: GroupMember | None = None
        self._address = ""
        self._status = StatusFile(settings.status)

    async def run(self, connect: Connect) -> None:
        """Serve probes, connect, consume; return once SIGTERM or SIGINT came and all is closed.

        From the signal on the process exits within `drain_s` and HARD_EXIT_EXTRA_S, whatever hangs. A crash
        of the Faust app halts the process.

        Raises:
            Exception: what `connect` raised.
        """
        app = ProbeApp(readiness=self.readiness, metrics=self._metrics.render)
        async with AsyncExitStack() as stack:
            probes = serve_probes(app, self._settings.host, self._settings.probe_port)
            self._address = await stack.enter_async_context(probes)
            run_in_background(stack, self._send_heartbeats(), "heartbeats")
            connecting = asyncio.create_task(connect(stack), name="connect")
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, self._end, connecting)
            with suppress(asyncio.CancelledError):  # a signal came before it was connected
                self._member = await connecting
            if self._member is not None:
                await self._consume(self._member)
            self._report()

    def readiness(self) -> Readiness:
        """Whether the process can do its work; with the reason when not."""
        if self._ending.is_set():
            return Readiness(False, "ending")
        if self._member is None:
            return Readiness(False, "not yet connected; the log says what is waited for")
        rest = self._member.readiness()
        if not rest.ready:
            return rest
        ownership = self._member.ownership
        if ownership.generation < 0:
            return Readiness(False, "not yet a member of the group")
        if not ownership.holds_all:
            return Readiness(False, "partitions are being taken")
        return rest

    def _end(self, connecting: asyncio.Task[GroupMember]) -> None:
        if not self._ending.is_set():
            self._ending.set()
            connecting.cancel()
            exit_after(self._settings.drain_s + HARD_EXIT_EXTRA_S)

    async def _consume(self, member: GroupMember) -> None:
        """Until a signal: then chunks under way are finished, and the next owner reads what waits."""
        await member.app.start()
        while not self._ending.is_set():
            if member.app.crashed:
                halt(member.app.crash_reason or RuntimeError("Faust stopped without a reason"))
            self._report()
            await self._pause()
        if member.before_stop is not None:
            await member.before_stop()
        cast(ChunkTransport, member.app.transport).owner.revoke()
        await member.app.stop()

    async def _pause(self) -> None:
        """Wait LOOK_EVERY_S, or less when a signal comes; how late the loop came back is its lag."""
        clock = asyncio.get_running_loop().time
        due = clock() + LOOK_EVERY_S
        with suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await self._ending.wait()
                return
        self._metrics.observe("event_loop_lag_seconds", clock() - due)

    async def _send_heartbeats(self) -> None:
        """Also while the app starts or stops, which may wait for Kafka: waiting is not hanging."""
        while True:
            self._report()
            await asyncio.sleep(HEARTBEAT_EVERY_S)

    def _report(self) -> None:
        """Bring the status file and the `ready` gauge up to date."""
        now = self.readiness()
        self._metrics.set("ready", now.ready)
        self._status.update(
            ProcessStatus(
                kind=self._kind,
                pid=os.getpid(),
                ready=now.ready,
                probe=self._address,
                reason=now.reason or None,
            )
        )
