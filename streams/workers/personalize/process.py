"""`etalage worker`: one process, wired up: store, shop, producer, engine, ownership, rounds, Faust app.

Everything is closed in the reverse order of its opening.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from msgspec import Struct

from models.visitor.fold import fold_packed
from schemas.errors import ServiceMissing
from schemas.topics import DEAD_LETTERS, DECISIONS, EVENTS
from streams.kafka.admin import RECORD_BYTES_MAX
from streams.kafka.endpoint.cluster import kafka_cluster
from streams.kafka.producer import ProducerConfig, Publisher, open_producer
from streams.kafka.transport.partition_log import PartitionLog
from streams.runtime.clock import SystemClock
from streams.runtime.process_context import ProcessContext, halt
from streams.runtime.retries import Retries
from streams.runtime.settings import Settings
from streams.runtime.tasks import run_in_background
from streams.runtime.telemetry.metrics import Metrics
from streams.runtime.telemetry.probes import readiness_of
from streams.shop.follower import ShopFollower
from streams.shop.policy_thread import PolicyThread
from streams.stores.keys import Keys
from streams.stores.namespace_meta import Meta
from streams.stores.protocols import VisitorStore
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.endpoint.address import redis_address
from streams.stores.redis.visitors import Lifetimes, RedisVisitors
from streams.workers.group.agents import join_group
from streams.workers.group.dead_letters import BadRecordLimit, DeadLetters
from streams.workers.group.faust_app import build_app, events_topic
from streams.workers.group.lifecycle import GroupMember, ProcessLifecycle
from streams.workers.group.ownership import Ownership
from streams.workers.group.progress_reports import ProgressReports
from streams.workers.group.rounds import Rounds
from streams.workers.group.watchdog import Watchdog
from streams.workers.personalize.decider import Decider
from streams.workers.personalize.decoding import EventsTopic
from streams.workers.personalize.engine import Engine, EngineConfig, EngineDependencies, Fold
from streams.workers.personalize.live_page import LivePage
from streams.workers.personalize.preflight import MetaCheck, agree_on_meta
from streams.workers.signals.combiner import SignalCombiner

GROUP = "personalize"
DAY_S = 86_400
PUBLISH_WITHIN_S = 20.0
REQUEST_TIMEOUT_MS = 10_000
"""A dead letter holds another record whole, a decision its features."""
SHOP_WITHIN_S = 10.0
"""How long the first events wait for the catalogue; after it they get what the cache holds."""

StoreOf = Callable[[ReconnectingConnection, Keys, Meta, Settings], VisitorStore]


def redis_store(
    connection: ReconnectingConnection, keys: Keys, meta: Meta, settings: Settings
) -> VisitorStore:
    """The store of every real worker."""
    lifetimes = Lifetimes(settings.state_ttl_days * DAY_S, settings.layout_ttl_s)
    return RedisVisitors(connection, keys, incarnation=meta.incarnation, lifetimes=lifetimes)


class WorkerOverrides(Struct, frozen=True, kw_only=True):
    """The parts of a worker that a test replaces, to see that each safeguard is needed."""

    store: StoreOf = redis_store
    engine: type[Engine] = Engine
    fold: Fold = fold_packed


class Worker:
    """One worker process: a member of the group that folds events and keeps live layouts decided.

    Raises:
        ServiceMissing: `settings` name no Kafka or no Redis.
    """

    def __init__(self, settings: Settings, overrides: WorkerOverrides | None = None) -> None:
        if settings.kafka is None or settings.redis is None:
            raise ServiceMissing("a worker needs ETALAGE_KAFKA and ETALAGE_REDIS (or run `etalage up`)")
        self._settings, self._overrides = settings, overrides or WorkerOverrides()
        self._metrics = Metrics()

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT, as `ProcessLifecycle.run`."""
        await ProcessLifecycle("worker", self._settings, self._metrics).run(self._connect)

    async def _connect(self, stack: AsyncExitStack) -> GroupMember:
        return await WorkerWiring(self._settings, self._overrides, self._metrics, stack).connect()


class WorkerWiring:
    """Makes the parts of one worker and connects them; what must be closed is pushed on `stack`."""

    def __init__(
        self, settings: Settings, overrides: WorkerOverrides, metrics: Metrics, stack: AsyncExitStack
    ) -> None:
        self._settings, self._overrides, self._stack = settings, overrides, stack
        self._metrics, self._clock = metrics, SystemClock()
        self._context = ProcessContext(clock=self._clock, metrics=metrics, halt=halt)
        self._redis_retries = self._make_retries("Redis", settings.redis_deadline_s)
        self._kafka_retries = self._make_retries("Kafka", PUBLISH_WITHIN_S)

    async def connect(self) -> GroupMember:
        """Everything connected and nothing consumed yet: the app's start begins the work.

        Raises:
            ServiceMissing, StoreUnavailable: what `agree_on_meta` found missing.
        """
        settings = self._settings
        keys = Keys(settings.namespace)
        connection = await self._stack.enter_async_context(
            ReconnectingConnection(redis_address(settings), stuck_s=settings.redis_deadline_s)
        )
        meta = await agree_on_meta(connection, keys, settings)
        store = self._overrides.store(connection, keys, meta, settings)
        follower = await self._start_follower()
        check = MetaCheck(meta, connection, keys, settings, halt)
        engine = await self._make_engine(meta, store, follower, check)
        app = build_app(settings, self._metrics, GROUP)
        events_log = PartitionLog(app, EVENTS.full_name(settings.namespace))
        ownership = self._make_ownership(store, events_log)
        rounds = Rounds(engine, ownership, self._context)
        topic = events_topic(app, settings)
        join_group(app, topic, rounds, name=GROUP, owner=ownership, halt=halt)
        watchdog = self._start_watchdog(ownership, events_log)
        reports = ProgressReports(store, ownership, watchdog, self._context)
        run_in_background(self._stack, reports.run(), "progress-reports")
        run_in_background(self._stack, rounds.verify_idle_partitions(), "idle-partitions")
        run_in_background(self._stack, check.run(), "meta")
        return GroupMember(
            app=app,
            ownership=ownership,
            readiness=lambda: readiness_of(
                check.unready_reason,
                self._redis_retries.unready_reason,
                self._kafka_retries.unready_reason,
                watchdog.unready_reason,
                "" if follower.ready else follower.reason,
            ),
        )

    async def _start_follower(self) -> ShopFollower:
        follower = ShopFollower(self._settings, self._metrics, self._clock)
        await follower.start()
        self._stack.push_async_callback(follower.stop)
        await follower.wait_ready(SHOP_WITHIN_S)
        return follower

    async def _start_producer(self) -> Any:
        config = ProducerConfig(
            linger_ms=1, request_timeout_ms=REQUEST_TIMEOUT_MS, max_request_bytes=RECORD_BYTES_MAX
        )
        return await self._stack.enter_async_context(
            open_producer(kafka_cluster(self._settings), config=config)
        )

    async def _make_engine(
        self, meta: Meta, store: VisitorStore, follower: ShopFollower, check: MetaCheck
    ) -> Engine:
        settings, metrics = self._settings, self._metrics
        producer = await self._start_producer()
        publisher = Publisher(producer, self._kafka_retries)
        limit = BadRecordLimit(share=settings.dead_letter_share, last=settings.dead_letter_min)
        page = LivePage(
            lambda: follower.snapshot,
            page=settings.live_page,
            sample=settings.decisions_sample,
            metrics=metrics,
        )
        combiner = SignalCombiner(settings.namespace, metrics, self._clock)
        combiner.start(producer)
        self._stack.push_async_callback(combiner.stop)
        dependencies = EngineDependencies(
            store=store,
            retries=self._redis_retries,
            dead_letters=DeadLetters(
                publisher,
                DEAD_LETTERS.full_name(settings.namespace),
                limit,
                metrics,
                before_misplaced=lambda: self._kafka_retries("topic", check.verify_topic),
            ),
            publisher=publisher,
            clock=self._clock,
            metrics=metrics,
            decider=self._make_decider(page, follower),
            count_signals=lambda before, record: combiner.add(before, record, follower.shop),
            fold=self._overrides.fold,
        )
        return self._overrides.engine(self._engine_config(meta), dependencies)

    def _make_decider(self, page: LivePage, follower: ShopFollower) -> Decider:
        thread = PolicyThread()
        self._stack.callback(thread.stop)
        return Decider(
            page,
            run=lambda policy: thread.run(follower.snapshot.ranker, policy),
            clock=self._clock,
            metrics=self._metrics,
        )

    def _engine_config(self, meta: Meta) -> EngineConfig:
        settings = self._settings
        return EngineConfig(
            events_topic=EventsTopic(EVENTS.full_name(settings.namespace), meta.partitions, meta.incarnation),
            decisions_topic=DECISIONS.full_name(settings.namespace),
            decide_within_s=settings.decide_within_s,
            layout_ttl_s=settings.layout_ttl_s,
            lru_visitors=settings.lru_visitors,
        )

    def _make_ownership(self, store: VisitorStore, events_log: PartitionLog) -> Ownership:
        return Ownership(
            store,
            events_log,
            owner=self._settings.worker_id or f"worker-{os.getpid()}",
            retries=self._redis_retries,
            context=self._context,
        )

    def _start_watchdog(self, ownership: Ownership, events_log: PartitionLog) -> Watchdog:
        watchdog = Watchdog(
            ownership,
            events_log,
            stall_s=self._settings.stall_exit_s,
            is_retrying=lambda: self._redis_retries.waiting + self._kafka_retries.waiting > 0,
            context=self._context,
        )
        run_in_background(self._stack, watchdog.run(), "watchdog")
        return watchdog

    def _make_retries(self, service: str, deadline_s: float) -> Retries:
        return Retries(
            service,
            deadline_s=deadline_s,
            patience_s=self._settings.patience_s,
            clock=self._clock,
            metrics=self._metrics,
        )
