"""A worker's parts, connected: store, shop, engine, ownership, lanes, Faust app; closed in reverse order."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import faust
from msgspec import Struct

from models.visitor.fold import fold
from schemas.topics import DEAD_LETTERS, DECISIONS, EVENTS
from streams.kafka.producer import ProducerConfig, Publisher, open_producer
from streams.kafka.transport.partition_log import PartitionLog
from streams.runtime.clock import Clock
from streams.runtime.process import halt
from streams.runtime.retries import Retries
from streams.runtime.settings import Settings
from streams.runtime.tasks import run_in_background
from streams.runtime.telemetry.metrics import Metrics
from streams.runtime.vitals import ProcessContext
from streams.shop.follower import ShopFollower
from streams.stores.keys import Keys
from streams.stores.meta import Meta
from streams.stores.protocols import VisitorStore
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.visitors import Lifetimes, RedisVisitors
from streams.workers.group.agents import add_personalize
from streams.workers.group.dead_letters import DeadLetters, Limit
from streams.workers.group.faust_app import build_app, events_topic
from streams.workers.group.ownership import Ownership
from streams.workers.group.partition_lanes import PartitionLanes
from streams.workers.group.watchdog import Watchdog
from streams.workers.personalize.decider import Decider
from streams.workers.personalize.decoding import Place
from streams.workers.personalize.engine import Engine, EngineConfig, EngineDependencies, Fold
from streams.workers.personalize.live_page import LivePage
from streams.workers.personalize.preflight import agree_on_meta, keep_checking
from streams.workers.signals.combiner import SignalCombiner

DAY_S = 86_400
PUBLISH_WITHIN_S = 20.0
REQUEST_TIMEOUT_MS = 10_000
BIG_RECORD = 2 << 20
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


class TestSeams(Struct, frozen=True, kw_only=True):
    """What tests put something else in the place of, to see that its safeguards are needed."""

    store: StoreOf = redis_store
    engine: type[Engine] = Engine
    fold: Fold = fold


class Assembled(Struct, frozen=True):
    """What a worker watches and stops."""

    app: faust.App
    ownership: Ownership
    follower: ShopFollower
    troubles: Callable[[], tuple[str, ...]]
    """What work waits for now, each in one line or empty."""


class Assembly:
    """Puts a worker together; `stack` takes what must be closed."""

    def __init__(
        self, settings: Settings, parts: TestSeams, *, metrics: Metrics, clock: Clock, stack: AsyncExitStack
    ) -> None:
        self._settings, self._parts = settings, parts
        self._metrics, self._clock, self._stack = metrics, clock, stack
        self._vitals = ProcessContext(clock=clock, metrics=metrics, halt=halt)
        self._storing = self._retries("Redis", settings.redis_deadline_s)
        self._publishing = self._retries("Kafka", PUBLISH_WITHIN_S)

    async def assemble(self) -> Assembled:
        """Everything connected and nothing started: `app.start()` begins the work."""
        settings, keys = self._settings, Keys(self._settings.namespace)
        connection = await self._stack.enter_async_context(
            ReconnectingConnection(settings.redis or "", stuck_s=settings.redis_deadline_s)
        )
        meta = await agree_on_meta(connection, keys, settings)
        store = self._parts.store(connection, keys, meta, settings)
        follower = await self._following()
        producer = await self._producing()
        means = await self._means(store, follower, producer)
        engine = self._parts.engine(self._terms(meta), means)
        app = build_app(settings, self._metrics)
        events_log = PartitionLog(app, EVENTS.full_name(settings.namespace))
        ownership = self._owning(store, events_log)
        transport: Any = app.transport
        transport.owner = ownership
        lanes = PartitionLanes(engine, ownership, self._vitals)
        transport.has_capacity = lanes.has_capacity
        add_personalize(app, events_topic(app, settings), lanes, halt)
        app.finalize()
        watchdog = self._watching(ownership, events_log)
        run_in_background(self._stack, lanes.verify_idle_partitions(), "idle-partitions")
        run_in_background(self._stack, keep_checking(meta, connection, keys, settings, halt), "meta")
        storing, publishing = self._storing, self._publishing
        return Assembled(
            app, ownership, follower, lambda: (storing.trouble, publishing.trouble, watchdog.trouble)
        )

    async def _following(self) -> ShopFollower:
        follower = ShopFollower(self._settings, self._metrics, self._clock)
        await follower.start()
        self._stack.push_async_callback(follower.stop)
        await follower.wait_ready(SHOP_WITHIN_S)
        return follower

    async def _producing(self) -> Any:
        config = ProducerConfig(
            linger_ms=1, request_timeout_ms=REQUEST_TIMEOUT_MS, max_request_bytes=BIG_RECORD
        )
        return await self._stack.enter_async_context(open_producer(self._settings.kafka or "", config=config))

    def _terms(self, meta: Meta) -> EngineConfig:
        settings = self._settings
        return EngineConfig(
            place=Place(EVENTS.full_name(settings.namespace), meta.partitions, meta.incarnation),
            decisions_topic=DECISIONS.full_name(settings.namespace),
            decide_within_s=settings.decide_within_s,
            layout_ttl_s=settings.layout_ttl_s,
            lru_visitors=settings.lru_visitors,
        )

    async def _means(self, store: VisitorStore, follower: ShopFollower, producer: Any) -> EngineDependencies:
        settings, metrics = self._settings, self._metrics
        publisher = Publisher(producer, self._publishing)
        limit = Limit(share=settings.dead_letter_share, last=settings.dead_letter_min)
        page = LivePage(follower, page=settings.live_page, sample=settings.decisions_sample, metrics=metrics)
        crowd = SignalCombiner(settings.namespace, metrics, self._clock)
        crowd.start(producer)
        self._stack.push_async_callback(crowd.stop)
        return EngineDependencies(
            store=store,
            retries=self._storing,
            dead_letters=DeadLetters(publisher, DEAD_LETTERS.full_name(settings.namespace), limit, metrics),
            publisher=publisher,
            clock=self._clock,
            metrics=metrics,
            deciding=Decider(page, clock=self._clock, metrics=metrics),
            crowd=lambda before, record: crowd.add(before, record, follower.shop),
            fold=self._parts.fold,
        )

    def _owning(self, store: VisitorStore, events_log: PartitionLog) -> Ownership:
        return Ownership(
            store,
            events_log,
            owner=self._settings.worker_id or f"worker-{os.getpid()}",
            retries=self._storing,
            vitals=self._vitals,
        )

    def _watching(self, ownership: Ownership, events_log: PartitionLog) -> Watchdog:
        watchdog = Watchdog(
            ownership,
            events_log,
            stall_s=self._settings.stall_exit_s,
            excused=lambda: self._storing.waiting + self._publishing.waiting > 0,
            vitals=self._vitals,
        )
        run_in_background(self._stack, watchdog.run(), "watchdog")
        return watchdog

    def _retries(self, service: str, deadline_s: float) -> Retries:
        return Retries(
            service,
            deadline_s=deadline_s,
            patience_s=self._settings.patience_s,
            clock=self._clock,
            metrics=self._metrics,
        )
