"""`etalage items`: one process of the group that sums item deltas into signals; needs Kafka alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from typing import Any

from schemas.errors import ServiceMissing, StreamUnavailable
from schemas.topics import ITEM_DELTAS, ITEM_SIGNALS
from streams.kafka.admin import list_topics
from streams.kafka.consumer_lag import report_group_lags
from streams.kafka.producer import open_producer
from streams.kafka.transport.partition_log import PartitionLog
from streams.runtime.clock import SystemClock
from streams.runtime.process import halt
from streams.runtime.retries import Retries
from streams.runtime.settings import Settings
from streams.runtime.tasks import run_in_background
from streams.runtime.telemetry.metrics import Metrics
from streams.runtime.telemetry.probes import untroubled
from streams.runtime.vitals import ProcessContext
from streams.workers.group.faust_app import build_app
from streams.workers.group.items import add_items
from streams.workers.group.lifecycle import ProcessLifecycle, ProcessWork
from streams.workers.group.ownership import Ownership
from streams.workers.group.partition_lanes import PartitionLanes
from streams.workers.group.watchdog import Watchdog
from streams.workers.signals.aggregator import SignalAggregator

GROUP = "items"
CLAIM_WITHIN_S = 60.0
"""One reading of the signals of some partitions, or one flush."""


class Owner:
    """Tells ownership and the sums, in the right order, what the group decided."""

    def __init__(self, ownership: Ownership, summing: SignalAggregator) -> None:
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
        self._vitals = ProcessContext(clock=self._clock, metrics=self._metrics, halt=halt)
        self._retries = Retries(
            "Kafka",
            deadline_s=CLAIM_WITHIN_S,
            patience_s=settings.patience_s,
            clock=self._clock,
            metrics=self._metrics,
        )
        self._topic = ITEM_DELTAS.full_name(settings.namespace)

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT."""
        await ProcessLifecycle("items", self._settings, self._metrics).run(self._begin)

    async def _begin(self, stack: AsyncExitStack) -> ProcessWork:
        await self._retries("boot", self._check_topics)
        producer = await stack.enter_async_context(open_producer(self._kafka))
        app = build_app(self._settings, self._metrics, GROUP)
        deltas = PartitionLog(app, self._topic)
        summing = SignalAggregator(
            self._settings, deltas, producer, retries=self._retries, metrics=self._metrics, clock=self._clock
        )
        ownership = self._owning(summing, deltas)
        transport: Any = app.transport
        transport.owner = Owner(ownership, summing)
        topic = app.topic(self._topic, key_serializer="raw", value_serializer="raw")
        lanes = PartitionLanes(summing, ownership, self._vitals)
        transport.has_capacity = lanes.has_capacity
        add_items(app, topic, lanes, halt)
        app.finalize()
        watchdog = self._watchdog(ownership, deltas)
        run_in_background(stack, watchdog.run(), "watchdog")
        run_in_background(stack, _flushing(summing), "flush")
        run_in_background(stack, report_group_lags(self._settings, self._metrics), "group-lag")
        return ProcessWork(
            app=app,
            ownership=ownership,
            ready=lambda: untroubled(self._retries.trouble, watchdog.trouble),
            finish=lambda: self._finish(summing),
        )

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

    def _owning(self, summing: SignalAggregator, deltas: PartitionLog) -> Ownership:
        return Ownership(
            summing,
            deltas,
            owner=self._settings.worker_id or f"items-{os.getpid()}",
            retries=self._retries,
            vitals=self._vitals,
        )

    def _watchdog(self, ownership: Ownership, deltas: PartitionLog) -> Watchdog:
        return Watchdog(
            ownership,
            deltas,
            stall_s=self._settings.stall_exit_s,
            excused=lambda: self._retries.waiting > 0,
            vitals=self._vitals,
        )

    async def _finish(self, summing: SignalAggregator) -> None:
        """Write what is summed, if that can be done in time; the rest is read again by the next owner."""
        with suppress(TimeoutError, StreamUnavailable):
            async with asyncio.timeout(self._settings.drain_s / 2):
                await summing.flush()


async def _flushing(summing: SignalAggregator) -> None:
    try:
        await summing.run()
    except Exception as exc:
        halt(exc)
