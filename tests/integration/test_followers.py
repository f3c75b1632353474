"""The Shop follows catalogue, storefront and signals on a real Kafka, and is served without it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from models.policy.snapshot import Snapshot
from models.storefront.defaults import DEFAULT_STOREFRONT
from schemas.catalog import Item
from schemas.codec import encode
from schemas.ids import ItemId
from schemas.signals import Neighbour, Signal
from schemas.storefront import ModuleDef, PageDef, SlotDef, Storefront
from schemas.topics import CATALOG, ITEM_SIGNALS, STOREFRONT, Topic
from streams.kafka.batch_sending import send_all
from streams.kafka.producer import open_producer
from streams.local.servers.kafka import LocalKafka
from streams.runtime.settings import Settings
from streams.runtime.telemetry.metrics import Metrics
from streams.shop.build import rebuild_snapshot
from streams.shop.follower import ShopFollower
from streams.shop.publishing import StoredStorefront, push_items, push_storefront, remove_items
from streams.stores.namespace_meta import Meta
from streams.stores.provisioning import create_topics as create_topics_and_meta

WITHIN_S = 40.0


@pytest.fixture
def settings(
    kafka: str, namespace: str, create_topics: Callable[[str, int], Meta], tmp_path: Path
) -> Settings:
    create_topics(namespace, 4)
    return Settings(kafka=kafka, namespace=namespace, ranker="none", shop_cache=str(tmp_path / "shop.cache"))


def items(count: int) -> list[Item]:
    return [Item(item_id=f"i{n}", title=f"Item {n}", categories=["x"], price=1.0 + n) for n in range(count)]


@asynccontextmanager
async def following(settings: Settings, metrics: Metrics | None = None) -> AsyncIterator[ShopFollower]:
    follower = ShopFollower(settings, metrics or Metrics())
    await follower.start()
    try:
        yield follower
    finally:
        await follower.stop()


async def until(holds: Callable[[], object], what: str) -> None:
    deadline = asyncio.get_running_loop().time() + WITHIN_S
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, f"not within {WITHIN_S:.0f} s: {what}"
        await asyncio.sleep(0.02)


async def send(producer: Any, settings: Settings, topic: Topic, *pairs: tuple[str, bytes | None]) -> None:
    await send_all(
        producer, topic.full_name(settings.namespace), [(key.encode(), value) for key, value in pairs]
    )


async def test_an_empty_shop_is_ready_and_has_the_default_storefront(settings: Settings) -> None:
    async with following(settings) as follower:
        assert await follower.wait_ready(WITHIN_S)
        assert (follower.shop.items.n, follower.shop.generation, follower.source) == (0, 0, "kafka")
        assert set(follower.shop.storefront.pages) == {page.page for page in DEFAULT_STOREFRONT.pages}


async def test_the_shop_is_whole_when_ready_and_follows_on(settings: Settings) -> None:
    async with open_producer(settings.kafka or "") as producer:
        await push_items(producer, settings.namespace, items(50))
        async with following(settings) as follower:
            assert await follower.wait_ready(WITHIN_S)
            first = follower.shop
            assert (first.items.n, first.generation) == (50, 50)
            await push_items(producer, settings.namespace, [replace(items(1)[0], price=99.0)])
            await remove_items(producer, settings.namespace, ["i1"])
            await until(lambda: follower.shop.items.n == 49, "the removed item is gone")
            second = follower.shop
            assert second.items.price[second.items.row_of("i0")] == 99.0
            assert second.generation == 52
            assert first.items.n == 50, "a snapshot that is held does not change"


async def test_signals_alone_keep_the_catalogues_arrays(settings: Settings) -> None:
    signal = Signal(
        item_id=ItemId("i3"), at=1e9, delta_offset=0, popularity=5.0, co_viewed=[Neighbour(ItemId("i4"), 2.0)]
    )
    async with open_producer(settings.kafka or "") as producer:
        await push_items(producer, settings.namespace, items(10))
        async with following(settings) as follower:
            assert await follower.wait_ready(WITHIN_S)
            before = follower.shop
            await send(producer, settings, ITEM_SIGNALS, ("i3", encode(signal)))
            await until(lambda: follower.shop is not before, "a newer shop")
            after = follower.shop
            row = after.items.row_of("i3")
            assert after.items.co_viewed[row][0] == after.items.row_of("i4")
            assert after.items.price is before.items.price
            assert after.view is before.view
            assert after.storefront is before.storefront
            await send(producer, settings, ITEM_SIGNALS, ("i3", None))
            await until(lambda: follower.shop.items.co_viewed[row][0] == -1, "the signal is gone")


async def nothing_stands() -> StoredStorefront:
    return StoredStorefront({}, 0)


async def test_a_storefront_is_swapped_and_one_that_does_not_fit_is_not(settings: Settings) -> None:
    module = ModuleDef(id="mine", type="trending", title="Mine")
    page = PageDef(page="home", slots=[SlotDef(id="home.only", admits=["mine"], default="mine")])
    async with open_producer(settings.kafka or "") as producer, following(settings) as follower:
        assert await follower.wait_ready(WITHIN_S)
        await push_storefront(
            producer, settings.namespace, nothing_stands, Storefront(pages=[page], modules=[module])
        )
        await until(lambda: len(follower.shop.storefront.pages["home"].slots) == 1, "one slot")
        mine = follower.shop.storefront
        await send(producer, settings, STOREFRONT, ("module:mine", None))  # the page still names it
        await push_items(producer, settings.namespace, items(3))
        await until(lambda: follower.shop.items.n == 3, "items come all the same")
        assert follower.shop.storefront is mine
        await send(producer, settings, STOREFRONT, ("page:home", None))
        await until(lambda: len(follower.shop.storefront.pages["home"].slots) > 1, "the default page is back")


async def test_what_cannot_be_decoded_is_counted_and_skipped(settings: Settings) -> None:
    metrics = Metrics()
    async with open_producer(settings.kafka or "") as producer:
        await send(producer, settings, CATALOG, ("bad", b"{"), ("i0", encode(items(1)[0])), ("i9", b"[]"))
        async with following(settings, metrics) as follower:
            assert await follower.wait_ready(WITHIN_S)
            assert follower.shop.items.ids == ["i0"]
    assert b'etalage_records_skipped_total{topic="catalog.v1"} 2.0' in metrics.render()


async def test_two_processes_that_read_as_far_have_one_generation(settings: Settings) -> None:
    async with open_producer(settings.kafka or "") as producer:
        await push_items(producer, settings.namespace, items(5))
        async with following(settings) as early:
            assert await early.wait_ready(WITHIN_S)
            await push_items(producer, settings.namespace, items(7))
            await until(lambda: early.shop.items.n == 7, "seven items")
            async with following(settings) as late:
                assert await late.wait_ready(WITHIN_S)
                assert late.shop.generation == early.shop.generation == 12
                assert np.array_equal(late.shop.items.price, early.shop.items.price)


@pytest.mark.parametrize("ranker", ["none", "/no/such/folder"])
async def test_without_a_ranker_there_is_a_shop_and_a_reason(settings: Settings, ranker: str) -> None:
    async with following(replace(settings, ranker=ranker)) as follower:
        assert await follower.wait_ready(WITHIN_S)
        assert follower.snapshot.ranker is None
        assert follower.ranker_reason


async def test_a_broken_model_is_no_crash(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    async with following(replace(settings, ranker=str(tmp_path))) as follower:
        assert follower.snapshot.ranker is None
        assert "is not a manifest" in follower.ranker_reason


async def test_without_kafka_the_cache_is_served(settings: Settings, free_port: int) -> None:
    async with open_producer(settings.kafka or "") as producer:
        await push_items(producer, settings.namespace, items(6))
    async with following(settings) as follower:
        assert await follower.wait_ready(WITHIN_S)
        live = follower.shop
    away = replace(settings, kafka=f"127.0.0.1:{free_port}")
    async with following(away) as follower:
        assert follower.source == "cache"
        assert follower.shop.items.ids == live.items.ids
        assert follower.shop.generation == live.generation
        await until(lambda: "catalog.v1" in follower.reason, "it says why it is not ready")
        assert not follower.ready
    async with following(replace(away, shop_cache=None)) as follower:
        assert (follower.source, follower.shop.items.n) == ("none", 0)


async def test_what_left_while_kafka_was_away_does_not_come_back_from_the_cache(settings: Settings) -> None:
    async with open_producer(settings.kafka or "") as producer:
        await push_items(producer, settings.namespace, items(6))
        async with following(settings) as follower:
            assert await follower.wait_ready(WITHIN_S)
        await remove_items(producer, settings.namespace, ["i0"])
        async with following(settings) as follower:
            assert (follower.source, follower.shop.items.n) == ("cache", 6)
            assert await follower.wait_ready(WITHIN_S)
            assert follower.shop.items.n == 5


async def test_kafka_may_come_later_go_and_come_back(
    namespace: str, redis_url: str, free_port: int, tmp_path: Path
) -> None:
    settings = Settings(kafka=f"127.0.0.1:{free_port}", redis=redis_url, namespace=namespace, ranker="none")
    server = LocalKafka(tmp_path / "kafka", port=free_port)
    async with following(settings) as follower:
        await until(lambda: follower.reason != "the shop was not read yet", "a first try failed")
        try:
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(create_topics_and_meta, settings)
            assert await follower.wait_ready(WITHIN_S)
            await asyncio.to_thread(server.stop)
            assert follower.shop.items.n == 0
            await asyncio.to_thread(server.start)
            async with open_producer(settings.kafka or "") as producer:
                await push_items(producer, namespace, items(4))
            await until(lambda: follower.shop.items.n == 4, "what was pushed after the return")
        finally:
            await asyncio.to_thread(server.stop)


async def test_shops_are_built_off_the_loop(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def record_thread(*args: Any) -> Snapshot:
        threads.append(threading.current_thread())
        return rebuild_snapshot(*args)

    monkeypatch.setattr("streams.shop.follower.rebuild_snapshot", record_thread)
    async with open_producer(settings.kafka or "") as producer, following(settings) as follower:
        assert await follower.wait_ready(WITHIN_S)
        await push_items(producer, settings.namespace, items(3))
        await until(lambda: follower.shop.items.n == 3, "three items")
    assert len(threads) >= 2
    assert threading.current_thread() not in threads
