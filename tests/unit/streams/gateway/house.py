"""A gateway in memory: the real application over the twins of store, log and clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
from msgspec import Struct
from msgspec.structs import replace

from models.catalog.build import build_items
from models.policy.decide import decide
from models.policy.layout_decision import PageRequest
from models.policy.snapshot import Snapshot, build_snapshot
from models.storefront.shop import Shop, build_shop, empty_shop
from models.visitor.packing import pack
from models.visitor.state import RecentItem, VisitorState
from schemas.ids import Version, VisitorId, hash48
from streams.demo.catalogue import demo_items
from streams.gateway.events.event_log import MemoryLog
from streams.gateway.wiring import Gateway
from streams.runtime.clock import ManualClock
from streams.runtime.settings import Settings
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.memory import MemoryStore
from streams.stores.namespace_meta import Meta
from streams.stores.progress import PartitionProgress
from streams.stores.protocols import SliceWrite, VisitorWrite

PARTITIONS = 4
META = Meta("topic-of-tests", PARTITIONS)
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
ANN = VisitorId("a:ann")


NOW_S = AT.timestamp() + 3600
"""Of the gateway's clock: an hour after the visitors' last events."""


class FixedShop(Struct, kw_only=True):
    """A follower that has read everything."""

    snapshot: Snapshot
    ready: bool = True
    reason: str = ""
    source: str = "kafka"

    @property
    def shop(self) -> Shop:
        return self.snapshot.shop

    @shop.setter
    def shop(self, shop: Shop) -> None:
        self.snapshot = build_snapshot(shop, earlier=self.snapshot)


@cache
def small_shop() -> Shop:
    table = build_items(demo_items(200, at=AT), {}, AT.timestamp())
    return build_shop(table, generation=1, built_at=AT.timestamp())


class CaughtUpStore(MemoryStore):
    """A store whose workers are never behind, unless a test sets `behind_s`."""

    behind_s: float | None = 0.0

    async def progress(self, partitions: int) -> list[PartitionProgress]:
        return [replace(one, behind_s=self.behind_s) for one in await super().progress(partitions)]


class House:
    """The gateway and its twins; `write` stores visitors as a worker would."""

    def __init__(self, shop: Shop, **settings: Any) -> None:
        self.clock = ManualClock(NOW_S)
        self.store = CaughtUpStore(incarnation=META.incarnation, clock=self.clock)
        self.log = MemoryLog()
        self.metrics = Metrics()
        self.follower = FixedShop(snapshot=build_snapshot(shop))
        self.gateway = Gateway(
            Settings(namespace="unit", partitions=PARTITIONS, **settings),
            metrics=self.metrics,
            reader=self.store,
            follower=self.follower,
            log=self.log,
            clock=self.clock,
        )
        self.gateway.partition_map.update(META)
        self.gateway.key_ring.update(None)
        self._epochs: dict[int, str] = {}
        self._done: dict[int, int] = {}

    def metric(self, line: str) -> float:
        """The value of a metric line such as `etalage_layout_late_total`."""
        for text in self.metrics.render().decode().splitlines():
            if text.startswith(line + " "):
                return float(text.rsplit(" ", 1)[1])
        return 0.0

    def partition(self, visitor: VisitorId = ANN) -> int:
        return self.gateway.partition_map.partition_of(visitor)

    async def write(
        self, state: VisitorState, visitor: VisitorId = ANN, *, layout: bool = True, done: int | None = None
    ) -> str:
        """Write a visitor's state, with the live layout decided for it; the version as text."""
        partition = self.partition(visitor)
        if partition not in self._epochs:
            self._epochs[partition] = (await self.store.claim(partition, "unit", 1)).epoch
        version = Version(state.incarnation, partition, state.offset)
        decision = decide(
            self.follower.snapshot,
            [PageRequest(visitor=visitor, state=pack(state), version=version)],
            state.at,
        )[0]
        after = state.offset + 1 if done is None else done
        one = VisitorWrite(
            visitor=visitor, state=pack(state), version=version.text(),
            head=decision.head() if layout else None, body=decision.body() if layout else None,
            drop_layout=not layout,
        )  # fmt: skip
        await self.store.write(
            SliceWrite(
                partition=partition, epoch=self._epochs[partition], expect_done=self._done.get(partition),
                expect_part=0, done=after, part=0, visitors=[one],
            )
        )  # fmt: skip
        self._done[partition] = after
        return version.text()


def state_after_views(items: Iterable[str], offset: int = 0) -> VisitorState:
    """A visitor who viewed items, newest first, as of one record."""
    at = int(AT.timestamp())
    recent = tuple(RecentItem(hash48(item), at) for item in items)
    return VisitorState(
        incarnation=META.incarnation, offset=offset, at=at, first_at=at, events=len(recent),
        sessions=1, session_at=at, session_events=len(recent), session_views=len(recent), recent=recent,
    )  # fmt: skip


def event(n: int = 1, visitor: str = "ann", item: str = "sneakers-0001", **more: Any) -> dict[str, Any]:
    return {
        "event": "view_item",
        "message_id": f"m{n}",
        "anonymous_id": visitor,
        "timestamp": "2026-11-24T12:00:00Z",
        "properties": {"items": [{"item_id": item}]},
        **more,
    }


@asynccontextmanager
async def open_gateway(
    shop: Shop | None = None, **settings: Any
) -> AsyncIterator[tuple[House, httpx.AsyncClient]]:
    """A running gateway and a client of its application."""
    house = House(small_shop() if shop is None else shop, **settings)
    house.gateway.start()
    await house.gateway.reads.progress.poll(PARTITIONS)
    transport = httpx.ASGITransport(app=house.gateway.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        try:
            yield house, client
        finally:
            await house.gateway.stop()


def without_items() -> Shop:
    return empty_shop()
