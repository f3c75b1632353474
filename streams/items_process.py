"""`etalage items`: one process of the group that sums item deltas into signals; needs Kafka alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from typing import Any

import faust

from schemas.errors import ServiceMissing, StreamUnavailable
from schemas.topics import ITEM_DELTAS, ITEM_SIGNALS
from streams.agents.items import add_items
from streams.app import build_app
from streams.clock import SystemClock
from streams.halting import halt, leave_after
from streams.health import ProbeServer, Readiness, Status, write_status
from streams.lanes import Lanes
from streams.metrics import Metrics
from streams.ownership import Ownership
from streams.pushing import producer_for
from streams.retries import Retries
from streams.settings import Settings
from streams.summing import Summing
from streams.topics_admin import list_topics
from streams.transport.log import EventsLog
from streams.vitals import Vitals
from streams.watchdog import Watchdog

GROUP = "items"
CLAIM_WITHIN_S = 60.0
"""One reading of the signals of some partitions, or one flush."""
LOOK_EVERY_S = 0.1
HARD_EXIT_EXTRA_S = 4.0


class Owner:
    """Tells ownership and the sums, in the right order, what the group decided."""

    def __init__(self, ownership: Ownership, summing: Summing) -> None:
        self._ownership, self._summing = ownership, summing

    def assigned(self, partitions: Iterable[int], generation: int) -> None:
        self._summing.drop()
        self._ownership.assigned(partitions, generation)

    def revoked(self) -> None:
        self._ownership.revoked()
        self._summing.drop()


class ItemsProcess:
    """`run` returns when the process was told to end and did."""

    def __init__(self, settings: Settings) -> None:
        if settings.kafka is None:
            raise ServiceMissing("no Kafka is known: set ETALAGE_KAFKA=host:port (or run `etalage up`)")
        self._settings, self._kafka = settings, settings.kafka
        self._clock, self._metrics = SystemClock(), Metrics()
        self._vitals = Vitals(clock=self._clock, metrics=self._metrics, halt=halt)
        self._retries = Retries(
            deadline_s=CLAIM_WITHIN_S,
            patience_s=settings.patience_s,
            clock=self._clock,
            metrics=self._metrics,
        )
        self._topic = ITEM_DELTAS.full_name(settings.namespace)
        self._ownership: Ownership | None = None
        self._ending = asyncio.Event()
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
            await self._retries("boot", self._check_topics)
            producer = await stack.enter_async_context(producer_for(self._kafka))
            await self._work(stack, producer, address)

    async def _work(self, stack: AsyncExitStack, producer: Any, address: str) -> None:
        app = build_app(self._settings, GROUP)
        deltas = EventsLog(app, self._topic)
        summing = Summing(
            self._settings, deltas, producer, retries=self._retries, metrics=self._metrics, clock=self._clock
        )
        ownership = self._ownership = self._owning(summing, deltas)
        transport: Any = app.transport
        transport.owner = Owner(ownership, summing)
        topic = app.topic(self._topic, key_serializer="raw", value_serializer="raw")
        lanes = Lanes(summing, ownership, self._vitals)
        transport.room = lanes.room
        add_items(app, topic, lanes, halt)
        app.finalize()
        _begin(stack, self._watchdog(ownership, deltas).run())
        _begin(stack, _flushing(summing))
        await app.start()
        await self._watch(app, address)
        await self._stop(app, summing)

    async def _check_topics(self) -> None:
        """StreamUnavailable unless deltas and signals stand there with equal partition counts."""
        try:
            found = {t.name: t.partitions for t in await asyncio.to_thread(list_topics, self._settings)}
        except ServiceMissing as exc:
            raise StreamUnavailable(str(exc)) from exc
        counts = {
            found.get(topic.full_name(self._settings.namespace)) for topic in (ITEM_DELTAS, ITEM_SIGNALS)
        }
        if None in counts or len(counts) > 1:
            raise StreamUnavailable(
                f"{self._topic} and the signals' topic must both exist, with equal partition counts: "
                "run `etalage topics create`"
            )

    def _owning(self, summing: Summing, deltas: EventsLog) -> Ownership:
        return Ownership(
            summing,
            deltas,
            owner=self._settings.worker_id or f"items-{os.getpid()}",
            retries=self._retries,
            vitals=self._vitals,
        )

    def _watchdog(self, ownership: Ownership, deltas: EventsLog) -> Watchdog:
        return Watchdog(
            ownership,
            deltas,
            stall_s=self._settings.stall_exit_s,
            excused=lambda: self._retries.waiting > 0,
            vitals=self._vitals,
        )

    def _end(self) -> None:
        if not self._ending.is_set():
            self._ending.set()
            leave_after(self._settings.drain_s + HARD_EXIT_EXTRA_S)

    async def _watch(self, app: faust.App, address: str) -> None:
        """Until told to end; halts when Faust gave up."""
        while not self._ending.is_set():
            if app.crashed:
                halt(app.crash_reason or RuntimeError("Faust stopped without a reason"))
            self._say(address)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._ending.wait()

    async def _stop(self, app: faust.App, summing: Summing) -> None:
        """Write what is summed, if that can be done in time; the rest is read again by the next owner."""
        with suppress(TimeoutError, StreamUnavailable):
            async with asyncio.timeout(self._settings.drain_s / 2):
                await summing.flush()
        transport: Any = app.transport
        transport.owner.revoked()
        await app.stop()

    def _readiness(self) -> Readiness:
        if self._ending.is_set():
            return Readiness(False, "ending")
        if self._ownership is None or self._ownership.generation < 0:
            return Readiness(False, "not yet a member of the group")
        return Readiness(self._ownership.taken, "" if self._ownership.taken else "partitions are being taken")

    def _say(self, address: str) -> None:
        """Write the status file when something changed."""
        now = self._readiness()
        self._metrics.set("ready", now.ready)
        status = Status(
            kind="items", pid=os.getpid(), ready=now.ready, probe=address, reason=now.reason or None
        )
        if self._settings.status and status != self._said:
            write_status(self._settings.status, status)
        self._said = status


async def _flushing(summing: Summing) -> None:
    try:
        await summing.run()
    except Exception as exc:
        halt(exc)


def _begin(stack: AsyncExitStack, work: Any) -> None:
    """Run in the background until `stack` closes."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)
