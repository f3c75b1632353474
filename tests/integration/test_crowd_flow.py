"""The whole circle of the crowd: what visitors do comes back as neighbours and trends in every Shop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from models.visitor.fold import fold_packed
from models.visitor.state import EventRecord
from schemas.catalog import Item
from schemas.codec import decode_event
from schemas.signals import Delta
from schemas.topics import ITEM_DELTAS
from streams.kafka.compacted_reader import read_to_end
from streams.kafka.partitioner import partition_of
from streams.kafka.producer import open_producer
from streams.runtime.settings import Settings
from streams.runtime.telemetry.metrics import Metrics
from streams.shop.follower import ShopFollower
from streams.shop.publishing import push_items
from streams.stores.namespace_meta import Meta
from streams.workers.signals.combiner import SignalCombiner
from tests.stack import Stack

PARTITIONS = 4
ITEMS = [Item(item_id=f"i{n}", title=f"Item {n}", categories=["x"], price=1.0 + n) for n in range(8)]


@pytest.fixture
def settings(kafka: str, namespace: str, create_topics: Callable[[str, int], Meta]) -> Settings:
    create_topics(namespace, PARTITIONS)
    return Settings(kafka=kafka, namespace=namespace, ranker="none")


def view_events(visitor: str, *items: str) -> list[EventRecord]:
    now = time.time()
    return [
        EventRecord(
            decode_event(
                msgspec.json.encode(
                    {
                        "event": "view_item",
                        "message_id": f"{visitor}-{offset}",
                        "anonymous_id": visitor,
                        "timestamp": datetime.fromtimestamp(now, UTC),
                        "properties": {"items": [{"item_id": item}]},
                    }
                )
            ),
            partition=0,
            offset=offset,
            arrival=now,
            incarnation=1,
        )
        for offset, item in enumerate(items)
    ]


async def test_views_become_neighbours_in_the_shop(
    settings: Settings, redis_url: str, tmp_path: Path
) -> None:
    metrics = Metrics()
    follower = ShopFollower(settings, metrics)
    kafka = settings.kafka or ""
    with Stack(tmp_path, settings.namespace, kafka, redis_url) as stack:
        items = stack.start("items")
        async with open_producer(kafka) as producer:
            await push_items(producer, settings.namespace, ITEMS)
            await follower.start()
            assert await follower.wait_ready(30)
            crowd = SignalCombiner(settings.namespace, metrics)
            crowd.start(producer)
            for visitor in range(4):
                state = b""
                for record in view_events(f"v{visitor}", "i1", "i2", "i1"):
                    crowd.add(state, record, follower.shop)
                    state = fold_packed(state, record)
            await crowd.stop()
        await asyncio.to_thread(items.wait_ready)
        await wait_for_signals(follower)
        await follower.stop()
    await check_deltas(settings)
    one, two = (follower.shop.items.row_of(item) for item in ("i1", "i2"))
    table = follower.shop.items
    assert table.co_viewed[one][0] == two
    assert table.co_viewed[two][0] == one
    assert table.popularity[one] == pytest.approx(1.0, abs=0.01), (
        "four first views, a quarter each; looking again is no second view"
    )
    assert b'etalage_deltas_total{direction="sent"} 2.0' in metrics.render()


async def wait_for_signals(follower: ShopFollower) -> None:
    deadline = asyncio.get_running_loop().time() + 40
    while (follower.shop.items.popularity > 0).sum() != 2:
        assert asyncio.get_running_loop().time() < deadline, "no signals in the shop"
        await asyncio.sleep(0.1)


async def check_deltas(settings: Settings) -> None:
    records = await read_to_end(settings.kafka or "", ITEM_DELTAS, settings.namespace)
    deltas = [msgspec.json.decode(record.value or b"", type=Delta) for record in records]
    assert sorted((delta.item_id, delta.views, delta.co_viewed) for delta in deltas) == [
        ("i1", 1.0, {"i2": 2.0}),
        ("i2", 2.0, {"i1": 2.0}),
    ]
    assert all(record.partition == partition_of(record.key or b"", PARTITIONS) for record in records)
