"""The gateway of a process, put together: what it reads from, writes to, and the routes over them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from models.layout.validity import mark_of
from models.storefront.shop import Shop
from schemas.catalog import Item
from schemas.errors import EtalageError
from schemas.topics import EVENTS
from streams.gateway.admin.catalog import ShopRoutes
from streams.gateway.admin.health import Admin, ShopSource
from streams.gateway.admin.openapi import OpenApi
from streams.gateway.admin.visitors import Visitors
from streams.gateway.demo_mount import demo
from streams.gateway.events.click_trace import ClickTraces
from streams.gateway.events.exposures import Decisions, Exposures
from streams.gateway.events.outbox import Outbox
from streams.gateway.events.partitions import PartitionMap
from streams.gateway.events.producer import EventLog, Log
from streams.gateway.events.route import Events, IntakeParts
from streams.gateway.http.cors import open_to
from streams.gateway.layouts.fallbacks import FallbackChain
from streams.gateway.layouts.hub import Hub
from streams.gateway.layouts.on_demand import OnDemandLayouts
from streams.gateway.layouts.rank import Rank
from streams.gateway.layouts.route import Layouts
from streams.gateway.layouts.store_reads import StoreReads
from streams.gateway.layouts.stream import READ_AT_ONCE, PushParts, Streams
from streams.gateway.router import Branch, Router
from streams.kafka.admin import list_topics
from streams.runtime.clock import Clock, SystemClock
from streams.runtime.settings import Settings
from streams.runtime.tasks import cancel_and_wait
from streams.runtime.telemetry.metrics import Metrics
from streams.shop.current import read_storefront
from streams.shop.follower import ShopFollower
from streams.shop.publishing import StoredStorefront
from streams.stores.keys import Keys
from streams.stores.meta import Meta
from streams.stores.protocols import LayoutReader
from streams.stores.redis.pipelined_layouts import PipelinedLayouts

WATCH_EVERY_S = 0.25
"""How soon open pages follow another catalogue or storefront, after this process has it."""


class Gateway:
    """`app` is the ASGI application; nothing waits for a service to start."""

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
        self.places = PartitionMap(settings.partitions)
        self.reads = StoreReads(reader, metrics)
        self.hub = Hub(reader.notices(), clock, metrics)
        self.exposures = Exposures(settings.namespace, log, clock, metrics)
        self.decisions = Decisions(settings.namespace, log, settings.decisions_sample)
        self.traces = ClickTraces()
        self.admin = Admin(follower, self.places, log, self.reads, metrics)
        dressing = OnDemandLayouts(self.shop, clock, metrics, self.decisions.add)
        self.ladder = FallbackChain(self.reads, dressing, self.places, self.hub, settings.live_page)
        self.shop_routes = ShopRoutes(settings.namespace, log, self._storefront)
        self._watching: asyncio.Task[None] | None = None
        self.app = open_to(self._router(), settings.origins)

    def shop(self) -> Shop:
        return self.follower.shop

    def find_item(self, item_id: str) -> Item | None:
        """The catalogue's item of that id."""
        table = self.follower.shop.items
        row = table.row_of(item_id)
        return table.items[row] if row >= 0 else None

    async def _storefront(self) -> StoredStorefront:
        """What stands in Kafka now."""
        return await read_storefront(self.settings.kafka or "", self.settings.namespace)

    def start(self) -> None:
        """Begin the background work; needs a running loop."""
        self.hub.start()
        self._watching = asyncio.create_task(self._watch_shop(), name="watch-shop")
        for outbox in self._outboxes():
            outbox.start()
        self.admin.started = True

    async def stop(self) -> None:
        """End streams and write what is queued."""
        self.admin.stopping = True
        await cancel_and_wait(self._watching)
        await self.hub.stop()
        for outbox in self._outboxes():
            await outbox.stop()

    async def _watch_shop(self) -> None:
        """For ever: let open pages look again when their layouts may no longer be shown."""
        seen = mark_of(self.shop(), self.clock.now())
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            mark = mark_of(self.shop(), self.clock.now())
            if mark != seen:
                seen = mark
                await self.hub.reread_all()

    def _outboxes(self) -> tuple[Outbox, ...]:
        return self.exposures.outbox, self.decisions.outbox

    def _router(self) -> Router:
        admin, shop = self.admin, self.shop_routes
        visitors = Visitors(self.reads, self.places, self.shop)
        layouts = Layouts(self.ladder, self.exposures, self.metrics)
        return Router(
            layouts=layouts,
            exact={
                "/v1/events": {"POST": self._events()},
                "/v1/rank": {"POST": Rank(self.reads, self.places, self.shop, self.clock)},
                "/v1/catalog/items": {"PUT": shop.put_items},
                "/v1/storefront": {"PUT": shop.put_storefront},
                "/v1/admin/shop": {"GET": admin.shop},
                "/v1/openapi.json": {"GET": OpenApi()},
                "/livez": {"GET": admin.livez},
                "/readyz": {"GET": admin.readyz},
                "/startupz": {"GET": admin.startupz},
                "/metrics": {"GET": admin.metrics},
            },
            branches=[
                Branch("/v1/layouts/", "/stream", "/v1/layouts/{page}/stream", {"GET": self._streams()}),
                Branch("/v1/layouts/", "", "/v1/layouts/{page}", {"GET": layouts.get}),
                Branch("/v1/visitors/", "", "/v1/visitors/{visitor}", {"GET": visitors.get}),
            ],
            others=demo(self.find_item),
            metrics=self.metrics,
        )

    def _events(self) -> Events:
        parts = IntakeParts(
            log=self.log,
            places=self.places,
            find_item=self.find_item,
            traces=self.traces,
            clock=self.clock,
            metrics=self.metrics,
        )
        return Events(self.settings.namespace, parts)

    def _streams(self) -> Streams:
        return Streams(
            PushParts(
                self.ladder, self.hub, self.places, self.exposures, self.traces,
                self.clock, self.metrics, self.settings.live_page, self.settings.streams_max,
                asyncio.Semaphore(READ_AT_ONCE),
            )
        )  # fmt: skip


class LiveGateway:
    """A Gateway over real Kafka and Redis, with the tasks that keep it connected."""

    def __init__(self, settings: Settings) -> None:
        metrics, clock = Metrics(), SystemClock()
        self.layouts = PipelinedLayouts(settings.redis or "", Keys(settings.namespace))
        self.follower = ShopFollower(settings, metrics, clock)
        self.log = EventLog(settings.kafka or "")
        self.gateway = Gateway(
            settings,
            metrics=metrics,
            reader=self.layouts,
            follower=self.follower,
            log=self.log,
            clock=clock,
        )
        self._settings = settings
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self.layouts.start()
        self.log.start()
        await self.follower.start()
        self.gateway.start()
        places = self.gateway.places
        self._tasks = [asyncio.create_task(places.follow(self.layouts.meta, self._kafka_meta), name="places")]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.gateway.stop()
        await self.log.stop()
        await self.follower.stop()
        await self.layouts.stop()

    async def _kafka_meta(self) -> Meta | None:
        """The events topic as it stands in Kafka, when that answers."""
        with suppress(EtalageError):
            name = EVENTS.full_name(self._settings.namespace)
            for topic in await asyncio.to_thread(list_topics, self._settings):
                if topic.name == name:
                    return Meta(topic_id=topic.topic_id, partitions=topic.partitions)
        return None
