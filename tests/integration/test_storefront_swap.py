"""A storefront push is seen whole or not at all, whoever makes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.codec import encode
from schemas.storefront import Match, ModuleDef, PageDef, RuleDef, SlotDef, Storefront, sections_of
from schemas.topics import STOREFRONT
from streams.gateway.admin.catalog import ShopRoutes
from streams.gateway.events.event_log import EventLog
from streams.kafka.batch_sending import PLAIN_BYTES_MAX
from streams.kafka.producer import open_producer
from streams.runtime.settings import Settings
from streams.shop.publishing import StoredStorefront, push_storefront
from streams.shop.topic_reads import read_sections, read_storefront
from tests.unit.streams.eventually import eventually

WITHIN_MS = 20_000


def storefront(name: str, rules: int) -> Storefront:
    """Every section of one name has to be swapped for those of another."""
    module = ModuleDef(id="mine", type="trending", title=name)
    page = PageDef(page="home", slots=[SlotDef(id=f"home.{name}", admits=["mine"], default="mine")])
    listed = Match(items=[f"{name}-{n}" for n in range(100)])
    every = [RuleDef(id=f"{name}-{n}", action="exclude", match=listed) for n in range(rules)]
    return Storefront(pages=[page], modules=[module], rules=every)


@asynccontextmanager
async def batch_by_batch(settings: Settings) -> AsyncIterator[Any]:
    """A consumer whose every fetch holds one batch: the least that Kafka shows of a write."""
    assert settings.kafka
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka, enable_auto_commit=False, max_partition_fetch_bytes=1
    )
    await consumer.start()
    place = TopicPartition(STOREFRONT.full_name(settings.namespace), 0)
    consumer.assign([place])
    await consumer.seek_to_beginning(place)
    try:
        yield consumer
    finally:
        await consumer.stop()


async def keys_of_next_batch(consumer: Any) -> set[str]:
    fetched = await consumer.getmany(timeout_ms=WITHIN_MS)
    return {record.key.decode() for records in fetched.values() for record in records}


async def put(settings: Settings, wanted: Storefront) -> None:
    """`PUT /v1/storefront` on a gateway's own connection to Kafka."""
    assert settings.kafka
    kafka, log = settings.kafka, EventLog(settings.kafka)
    log.start()
    try:
        await eventually(lambda: log.connected, within_s=20)
        routes = ShopRoutes(settings.namespace, log, lambda: read_storefront(kafka, settings.namespace))
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": encode(wanted)}

        async def send(message: Any) -> None:
            sent.append(message)

        await routes.put_storefront({"headers": [], "query_string": b""}, receive, send)
        assert sent[0]["status"] == 200
    finally:
        await log.stop()


async def push(settings: Settings, wanted: Storefront) -> None:
    """`etalage storefront push`."""
    assert settings.kafka
    kafka = settings.kafka
    async with open_producer(kafka) as producer:
        await push_storefront(
            producer, settings.namespace, lambda: read_storefront(kafka, settings.namespace), wanted
        )


@pytest.mark.parametrize("swap", [put, push])
@pytest.mark.parametrize("rules", [3, 1000])
async def test_a_swap_is_seen_whole(settings: Settings, swap: Any, rules: int) -> None:
    old, new = storefront("old", rules), storefront("new", rules)
    assert (len(encode(old)) > PLAIN_BYTES_MAX) == (rules == 1000)
    assert settings.kafka
    async with batch_by_batch(settings) as consumer:
        await swap(settings, old)
        assert await keys_of_next_batch(consumer) == set(sections_of(old))
        await swap(settings, new)
        assert await keys_of_next_batch(consumer) == set(sections_of(old)) | set(sections_of(new))
    assert await read_sections(settings.kafka, settings.namespace) == sections_of(new)


async def test_two_pushes_at_once_do_not_mix(settings: Settings) -> None:
    assert settings.kafka
    kafka, both_have_read = settings.kafka, asyncio.Barrier(2)
    await push(settings, storefront("old", 3))

    async def push_after_both_read(wanted: Storefront) -> None:
        reads = 0

        async def read() -> StoredStorefront:
            nonlocal reads
            reads += 1
            now = await read_storefront(kafka, settings.namespace)
            if reads == 1:
                await both_have_read.wait()
            return now

        async with open_producer(kafka) as producer:
            await push_storefront(producer, settings.namespace, read, wanted)

    one, other = storefront("one", 3), storefront("other", 5)
    await asyncio.gather(push_after_both_read(one), push_after_both_read(other))
    assert await read_sections(kafka, settings.namespace) in (sections_of(one), sections_of(other))
