"""`etalage items`: one process of the group that sums item deltas into signals; needs Kafka alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress

from schemas.errors import ServiceMissing, StreamUnavailable
from schemas.topics import ITEM_DELTAS, ITEM_SIGNALS
from streams.kafka.admin import check_replication, list_topics
from streams.kafka.consumer_lag import report_group_lags
from streams.kafka.endpoint.cluster import kafka_cluster
from streams.kafka.producer import open_producer
from streams.kafka.transport.partition_log import PartitionLog
from streams.runtime.clock import SystemClock
from streams.runtime.process_context import ProcessContext, halt
from streams.runtime.retries import Retries
from streams.runtime.settings import Settings
from streams.runtime.tasks import run_in_background
from streams.runtime.telemetry.metrics import Metrics
from streams.runtime.telemetry.probes import readiness_of
from streams.workers.group.agents import join_group
from streams.workers.group.faust_app import build_app
from streams.workers.group.lifecycle import GroupMember, ProcessLifecycle
from streams.workers.group.ownership import Ownership
from streams.workers.group.rounds import Rounds
from streams.workers.group.watchdog import Watchdog
from streams.workers.signals.aggregator import SignalAggregator

GROUP = "items"
CLAIM_WITHIN_S = 60.0
"""One claim, which reads the signals of some partitions, or one flush."""


class RebalanceListener:
    """Passes the rebalances that the transport reports to ownership and sums, in the right order."""

    def __init__(self, ownership: Ownership, aggregator: SignalAggregator) -> None:
        self._ownership, self._aggregator = ownership, aggregator

    def assign(self, partitions: Iterable[int], generation: int) -> None:
        """Sums of before are dropped, then each partition is claimed anew."""
        self._aggregator.drop()
        self._ownership.assign(partitions, generation)

    def revoke(self) -> None:
        """Nothing is claimed any more before the sums are dropped."""
        self._ownership.revoke()
        self._aggregator.drop()


class ItemsProcess:
    """One items process: a member of the group that sums item deltas.

    Raises:
        ServiceMissing: `settings` name no Kafka.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.kafka is None:
            raise ServiceMissing("no Kafka is known: set ETALAGE_KAFKA=host:port (or run `etalage up`)")
        self._settings, self._kafka = settings, kafka_cluster(settings)
        self._clock, self._metrics = SystemClock(), Metrics()
        self._context = ProcessContext(clock=self._clock, metrics=self._metrics, halt=halt)
        self._retries = Retries(
            "Kafka",
            deadline_s=CLAIM_WITHIN_S,
            patience_s=settings.patience_s,
            clock=self._clock,
            metrics=self._metrics,
        )
        self._topic = ITEM_DELTAS.full_name(settings.namespace)

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT, as `ProcessLifecycle.run`."""
        await ProcessLifecycle("items", self._settings, self._metrics).run(self._connect)

    async def _connect(self, stack: AsyncExitStack) -> GroupMember:
        await self._retries("boot", self._check_topics)
        producer = await stack.enter_async_context(open_producer(self._kafka))
        app = build_app(self._settings, self._metrics, GROUP)
        deltas = PartitionLog(app, self._topic)
        aggregator = SignalAggregator(
            self._settings, deltas, producer, retries=self._retries, metrics=self._metrics, clock=self._clock
        )
        ownership = self._make_ownership(aggregator, deltas)
        join_group(
            app,
            app.topic(self._topic, key_serializer="raw", value_serializer="raw"),
            Rounds(aggregator, ownership, self._context),
            name=GROUP,
            owner=RebalanceListener(ownership, aggregator),
            halt=halt,
        )
        watchdog = self._make_watchdog(ownership, deltas)
        run_in_background(stack, watchdog.run(), "watchdog")
        run_in_background(stack, _flush_or_halt(aggregator), "flush-signals")
        run_in_background(stack, report_group_lags(self._settings, self._metrics), "group-lag")
        return GroupMember(
            app=app,
            ownership=ownership,
            readiness=lambda: readiness_of(self._retries.unready_reason, watchdog.unready_reason),
            before_stop=lambda: self._flush_in_time(aggregator),
        )

    async def _check_topics(self) -> None:
        """Raises StreamUnavailable unless the topics of deltas and signals exist, equally partitioned."""
        try:
            await asyncio.to_thread(check_replication, self._settings)
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

    def _make_ownership(self, aggregator: SignalAggregator, deltas: PartitionLog) -> Ownership:
        return Ownership(
            aggregator,
            deltas,
            owner=self._settings.worker_id or f"items-{os.getpid()}",
            retries=self._retries,
            context=self._context,
        )

    def _make_watchdog(self, ownership: Ownership, deltas: PartitionLog) -> Watchdog:
        return Watchdog(
            ownership,
            deltas,
            stall_s=max(self._settings.stall_exit_s, CLAIM_WITHIN_S),  # a claim under way is no stall
            is_retrying=lambda: self._retries.waiting > 0,
            context=self._context,
        )

    async def _flush_in_time(self, aggregator: SignalAggregator) -> None:
        """Write what is summed within half the drain; the next owner reads the rest again."""
        with suppress(TimeoutError, StreamUnavailable):
            async with asyncio.timeout(self._settings.drain_s / 2):
                await aggregator.flush()


async def _flush_or_halt(aggregator: SignalAggregator) -> None:
    try:
        await aggregator.run()
    except Exception as exc:
        halt(exc)
