"""Puts the gateway of a process together: what it reads from, writes to, and the routes over them."""

from __future__ import annotations

import asyncio
from functools import partial

from models.layout.validity import mark_of
from models.policy.snapshot import Snapshot
from models.storefront.shop import Shop
from schemas.api_keys import ApiKey
from schemas.catalog import Item
from schemas.errors import EtalageError
from streams.gateway.access.door import Door
from streams.gateway.access.key_ring import KeyRing
from streams.gateway.access.token_route import TokenRoute
from streams.gateway.access.visitor_tokens import VisitorTokens
from streams.gateway.admin.catalog import ShopRoutes
from streams.gateway.admin.health import HealthRoutes, ShopSource
from streams.gateway.admin.openapi import OpenApi
from streams.gateway.admin.visitors import VisitorRoute
from streams.gateway.demo_mount import build_demo
from streams.gateway.events.event_log import EventLog, Log
from streams.gateway.events.event_timings import EventTimings
from streams.gateway.events.exposures import Decisions, Exposures
from streams.gateway.events.intake.adapters import AdapterRoute
from streams.gateway.events.intake.route import EventsDependencies, EventsRoute
from streams.gateway.events.outbox import Outbox
from streams.gateway.events.partition_map import PartitionMap, TopicSeen
from streams.gateway.http.limits.admission import Admission
from streams.gateway.http.limits.load_shedding import LoadShedding
from streams.gateway.http.limits.loop_turns import LoopTurns
from streams.gateway.http.limits.request_limits import RequestLimits
from streams.gateway.http.limits.shared_loop import SharedLoop
from streams.gateway.http.limits.sharing import SharedLimits, add_spent
from streams.gateway.layouts.fallbacks import FallbackChain
from streams.gateway.layouts.hub import Hub
from streams.gateway.layouts.on_demand import OnDemandLayouts
from streams.gateway.layouts.rank import RankDependencies, RankRoute
from streams.gateway.layouts.route import LayoutRoute
from streams.gateway.layouts.store_reads import StoreReads
from streams.gateway.layouts.stream import READ_AT_ONCE, StreamDependencies, StreamRoute
from streams.gateway.router import Branch, Router
from streams.kafka.endpoint.cluster import kafka_cluster
from streams.runtime.clock import Clock, SystemClock
from streams.runtime.settings import Settings
from streams.runtime.tasks import cancel_and_wait
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics
from streams.shop.follower import ShopFollower
from streams.shop.policy_thread import PolicyThread
from streams.shop.topic_reads import read_storefront
from streams.stores.api_keys import UnreadableKeys, read_api_keys
from streams.stores.keys import Keys
from streams.stores.protocols import LayoutReader
from streams.stores.provisioning import MetaReader, describe_missing
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.endpoint.address import redis_address
from streams.stores.redis.layouts import RedisLayouts, read_progress
from streams.stores.redis.pipeline import CommandRefused, PipelinedConnection

WATCH_EVERY_S = 0.25
"""How soon open pages follow another catalogue or storefront, after this process has it."""


class Gateway:
    """`app` is the ASGI application; nothing waits for a service to start.

    Args:
        settings: of this process.
        metrics: what happens here is counted in.
        reader: the store of states and layouts.
        follower: the shop as this process has it now.
        log: where events, exposures, decisions, items and sections are written.
        clock: the time of events and decisions.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        metrics: Metrics,
        reader: LayoutReader,
        follower: ShopSource,
        log: Log,
        clock: Clock,
    ) -> None:
        self.settings, self.metrics, self.clock = settings, metrics, clock
        self.follower, self.log = follower, log
        self.partition_map = PartitionMap(settings.partitions)
        self.reads = StoreReads(reader, metrics, stale_after_s=settings.stale_after_s)
        self.hub = Hub(reader.notices(), clock, metrics)
        self.exposures = Exposures(settings.namespace, log, clock, metrics)
        self.decisions = Decisions(settings.namespace, log, settings.decisions_sample)
        self.event_timings = EventTimings()
        self.limits = RequestLimits(settings, clock, metrics)
        self.key_ring = KeyRing(settings)
        self.visitor_tokens = VisitorTokens(self.key_ring, clock)
        self.health = HealthRoutes(follower, self.partition_map, self.key_ring, log, self.reads, metrics)
        self.policy_thread = PolicyThread()
        self.shared_loop = SharedLoop(Admission(metrics), LoopTurns(), LoadShedding(metrics))
        on_demand = OnDemandLayouts(self.snapshot, clock, metrics, self.policy_thread, self.decisions)
        self.fallbacks = FallbackChain(
            self.reads, on_demand, self.partition_map, self.hub, settings.live_page, self.shared_loop
        )
        self.shop_routes = ShopRoutes(
            settings.namespace, log, lambda: read_storefront(kafka_cluster(settings), settings.namespace)
        )
        self._tasks: list[asyncio.Task[None]] = []
        self.streams = self._stream_route()
        self.router = self._router()
        self.app = Door(self.router, self.key_ring, self.visitor_tokens, self.limits, metrics, settings)
        self.streams.readmit = self.app.readmit

    def shop(self) -> Shop:
        """The shop as this process has it now."""
        return self.follower.snapshot.shop

    def snapshot(self) -> Snapshot:
        """What a decision is made from now; take it once for each."""
        return self.follower.snapshot

    def find_item(self, item_id: str) -> Item | None:
        """The catalogue's item of that id."""
        table = self.shop().items
        row = table.row_of(item_id)
        return table.items[row] if row >= 0 else None

    def start(self) -> None:
        """Begin the background work; needs a running loop."""
        self.hub.start()
        polling = self.reads.progress.keep_polling(lambda: self.partition_map.partitions, self.hub.reread)
        work = (self._watch_shop(), polling, self.shared_loop.shedding.watch())
        self._tasks = [asyncio.create_task(one) for one in work]
        for outbox in self._outboxes():
            outbox.start()
        self.health.started = True

    def begin_end(self) -> None:
        """Say on /readyz that the process ends, and end the streams: their clients come back elsewhere."""
        self.health.stopping = True
        self.streams.end()

    async def stop(self) -> None:
        """End streams and write what is queued."""
        self.begin_end()
        for task in self._tasks:
            await cancel_and_wait(task)
        await self.hub.stop()
        self.policy_thread.stop()
        for outbox in self._outboxes():
            await outbox.stop()

    async def _watch_shop(self) -> None:
        """For ever: wake open pages to read again when their layouts may no longer be shown."""
        last = mark_of(self.shop(), self.clock.now())
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            mark = mark_of(self.shop(), self.clock.now())
            if mark != last:
                last = mark
                await self.hub.reread_all()

    def _outboxes(self) -> tuple[Outbox, ...]:
        return self.exposures.outbox, self.decisions.outbox

    def _router(self) -> Router:
        shop = self.shop_routes
        visitors = VisitorRoute(self.reads, self.partition_map, self.shop)
        events = self._events_route()
        adapters = AdapterRoute(events, self.settings, self.clock)
        layouts = LayoutRoute(self.fallbacks, self.exposures, self.limits, self.metrics)
        return Router(
            layouts=layouts,
            exact={
                "/v1/events": {"POST": events},
                "/v1/rank": {"POST": self._rank_route()},
                "/v1/visitor-tokens": {"POST": TokenRoute(self.visitor_tokens)},
                "/v1/catalog/items": {"PUT": shop.put_items},
                "/v1/storefront": {"PUT": shop.put_storefront},
                "/v1/openapi.json": {"GET": OpenApi()},
                **self.health.routes(),
            },
            branches=[
                Branch("/v1/layouts/", "/stream", "/v1/layouts/{page}/stream", {"GET": self.streams}),
                Branch("/v1/layouts/", "", "/v1/layouts/{page}", {"GET": layouts.get}),
                Branch("/v1/adapters/", "", "/v1/adapters/{name}", {"POST": adapters.post}),
                Branch("/v1/visitors/", "", "/v1/visitors/{visitor}", {"GET": visitors.get}),
            ],
            default=build_demo(self.find_item, self.key_ring),
            limits=self.limits,
            metrics=self.metrics,
        )

    def _rank_route(self) -> RankRoute:
        dependencies = RankDependencies(
            reads=self.reads,
            partition_map=self.partition_map,
            snapshot=self.snapshot,
            clock=self.clock,
            policy_thread=self.policy_thread,
            shared_loop=self.shared_loop,
            limits=self.limits,
        )
        return RankRoute(dependencies)

    def _events_route(self) -> EventsRoute:
        dependencies = EventsDependencies(
            log=self.log,
            partition_map=self.partition_map,
            find_item=self.find_item,
            event_timings=self.event_timings,
            clock=self.clock,
            limits=self.limits,
            metrics=self.metrics,
        )
        return EventsRoute(self.settings.namespace, dependencies)

    def _stream_route(self) -> StreamRoute:
        dependencies = StreamDependencies(
            fallbacks=self.fallbacks,
            hub=self.hub,
            partition_map=self.partition_map,
            exposures=self.exposures,
            event_timings=self.event_timings,
            clock=self.clock,
            limits=self.limits,
            metrics=self.metrics,
            live_page=self.settings.live_page,
            streams_max=self.settings.streams_max,
            reading=asyncio.Semaphore(READ_AT_ONCE),
        )
        return StreamRoute(dependencies)


class LiveGateway:
    """A Gateway over real Kafka and Redis, with the tasks that keep it connected."""

    def __init__(self, settings: Settings) -> None:
        metrics, clock = Metrics(), SystemClock()
        self._keys, self._topic = Keys(settings.namespace), MetaReader(settings)
        self.redis = ReconnectingConnection(redis_address(settings), on_connect=self._read_progress)
        self.layouts = RedisLayouts(self.redis, self._keys)
        self.follower = ShopFollower(settings, metrics, clock)
        self.log = EventLog(kafka_cluster(settings))
        self.gateway = Gateway(
            settings, metrics=metrics, reader=self.layouts, follower=self.follower, log=self.log, clock=clock
        )
        self._settings = settings
        self._tasks: list[asyncio.Task[None]] = []
        self._unreadable_keys = UnreadableKeys()

    async def start(self) -> None:
        """Begin to connect; returns without waiting for Kafka or Redis."""
        self.redis.start()
        self.log.start()
        await self.follower.start()
        self.gateway.start()
        work = [
            self.gateway.partition_map.keep_updated(self.layouts.meta, self._read_topic),
            self.gateway.key_ring.keep_updated(self._read_api_keys),
        ]
        if self._settings.shared_limits == "1":
            add = partial(add_spent, self.redis, self._keys)
            work.append(SharedLimits(self.gateway.limits, add, self.gateway.clock).keep_exchanging())
        self._tasks = [asyncio.create_task(one) for one in work]

    async def stop(self) -> None:
        """End all background work; what is queued is written, when Kafka is there."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.gateway.stop()
        await self.log.stop()
        await self.follower.stop()
        await self.redis.stop()
        await asyncio.to_thread(self._topic.close)

    async def _read_progress(self, connection: PipelinedConnection) -> None:
        """What this Redis says before anything else is read of it: it may have forgotten what there was."""
        partitions = self.gateway.partition_map.partitions
        try:
            progress = await read_progress(connection.ask, self._keys, partitions)
        except CommandRefused as exc:  # layouts are served all the same, labelled stale
            logger("gateway").warning("stream progress cannot be read", service="redis", error=str(exc))
            progress = []
        self.gateway.reads.progress.update(progress)

    async def _read_topic(self) -> TopicSeen:
        """The events topic as it is in Kafka."""
        try:
            meta = await asyncio.to_thread(self._topic.read)
        except EtalageError:
            return TopicSeen()
        return TopicSeen(meta) if meta else TopicSeen(missing=describe_missing(self._settings.namespace))

    async def _read_api_keys(self) -> list[ApiKey] | None:
        return await read_api_keys(self.redis, self._keys, self._unreadable_keys)
