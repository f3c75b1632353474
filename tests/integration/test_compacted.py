"""Topics are read whole from a real Kafka, and what is pushed can be read back."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from models.storefront.defaults import DEFAULT_STOREFRONT
from schemas.catalog import Item
from schemas.errors import StreamUnavailable
from schemas.storefront import ModuleDef, Storefront, sections_of
from schemas.topics import CATALOG, ITEM_DELTAS, ITEM_SIGNALS
from streams.kafka.batch_sending import send_all
from streams.kafka.compacted_reader import CompactedReader, RawRecord, read_to_end
from streams.kafka.partitioner import partition_of
from streams.kafka.producer import open_producer
from streams.runtime.settings import Settings
from streams.runtime.tasks import cancel_and_wait
from streams.shop.publishing import StoredStorefront, push_items, push_storefront, remove_items
from streams.shop.topic_reads import read_items, read_sections, read_storefront
from streams.stores.namespace_meta import Meta


@pytest.fixture
def settings(kafka: str, namespace: str, create_topics: Callable[[str, int], Meta]) -> Settings:
    create_topics(namespace, 4)
    return Settings(kafka=kafka, namespace=namespace)


@pytest.fixture
def address(settings: Settings) -> str:
    assert settings.kafka
    return settings.kafka


def items(count: int) -> list[Item]:
    return [Item(item_id=f"i{n}", title=f"Item {n}", categories=["x"], price=float(n)) for n in range(count)]


async def test_what_is_pushed_is_read_back(settings: Settings, address: str) -> None:
    progress: list[int] = []
    async with open_producer(address) as producer:
        await push_items(producer, settings.namespace, items(2500), progress=progress.append)
        await push_items(
            producer, settings.namespace, [Item(item_id="i7", title="New", categories=["x"], price=1)]
        )
        await remove_items(producer, settings.namespace, ["i8", "i9"])
    found = await read_items(address, settings.namespace)
    assert progress == [1000, 1000, 500]
    assert len(found) == 2498
    assert found["i7"].title == "New"
    assert "i8" not in found


async def test_records_stand_where_the_java_client_would_put_them(settings: Settings, address: str) -> None:
    topic = ITEM_DELTAS.full_name(settings.namespace)
    pairs = [(f"item-{n}".encode(), b"x" * 3000) for n in range(400)]
    async with open_producer(address) as producer:
        await send_all(producer, topic, pairs)
    records = await read_to_end(address, ITEM_DELTAS, settings.namespace)
    assert sorted(record.key or b"" for record in records) == sorted(key for key, _ in pairs)
    assert all(record.partition == partition_of(record.key or b"", 4) for record in records)


async def test_a_storefront_push_writes_differences_and_removes_the_rest(
    settings: Settings, address: str
) -> None:
    extra = ModuleDef(id="extra", type="trending", title="Extra")
    first = Storefront(pages=DEFAULT_STOREFRONT.pages[:1], modules=[extra])
    second = Storefront(pages=DEFAULT_STOREFRONT.pages[:2])

    async def read() -> StoredStorefront:
        return await read_storefront(address, settings.namespace)

    async with open_producer(address) as producer:
        changes = [
            await push_storefront(producer, settings.namespace, read, wanted)
            for wanted in (first, second, second)
        ]
    assert changes[0].written == ["module:extra", "page:home"]
    assert (len(changes[1].written), changes[1].removed, changes[1].unchanged) == (1, ["module:extra"], 1)
    assert (changes[2].written, changes[2].removed, changes[2].unchanged) == ([], [], 2)
    assert await read_sections(address, settings.namespace) == sections_of(second)


async def test_a_reader_knows_the_end_seen_at_its_start_and_goes_on(settings: Settings, address: str) -> None:
    async with open_producer(address) as producer:
        await push_items(producer, settings.namespace, items(10))
        reader = CompactedReader(address, [CATALOG.full_name(settings.namespace)])
        await reader.start()
        try:
            ended = [reader.at_end]
            first = await read_until(reader, 10)
            ended.append(reader.at_end)
            assert ended == [False, True]
            await push_items(producer, settings.namespace, items(3))
            assert len(await read_until(reader, 3)) == 3
        finally:
            await reader.stop()
    assert [record.offset for record in first] == list(range(10))
    again = CompactedReader(address, [CATALOG.full_name(settings.namespace)], resume={first_place(first): 11})
    await again.start()
    try:
        assert [record.offset for record in await read_until(again, 2)] == [11, 12]
    finally:
        await again.stop()


async def test_empty_topics_are_at_their_end_at_once(settings: Settings, address: str) -> None:
    reader = CompactedReader(address, [ITEM_SIGNALS.full_name(settings.namespace)])
    await reader.start()
    ended = reader.at_end
    await reader.stop()
    assert ended
    assert await read_to_end(address, ITEM_SIGNALS, settings.namespace) == []


async def test_one_partition_can_be_read_alone(settings: Settings, address: str) -> None:
    topic = ITEM_DELTAS.full_name(settings.namespace)
    async with open_producer(address) as producer:
        await send_all(producer, topic, [(f"k{n}".encode(), b"v") for n in range(40)])
    records = await read_to_end(address, ITEM_DELTAS, settings.namespace, only=[2])
    assert records
    assert {record.partition for record in records} == {2}


async def test_missing_topics_and_no_kafka_have_one_error(address: str, free_port: int) -> None:
    with pytest.raises(
        StreamUnavailable, match=r"^there is no topic nowhere\.catalog\.v1: run `etalage topics create`"
    ):
        await read_to_end(address, CATALOG, "nowhere")
    with pytest.raises(StreamUnavailable, match=r"catalog\.v1: "):
        await read_to_end(f"127.0.0.1:{free_port}", CATALOG, "nowhere")
    with pytest.raises(StreamUnavailable, match="does not answer"):
        async with open_producer(f"127.0.0.1:{free_port}"):
            pass


async def read_until(reader: CompactedReader, count: int) -> list[RawRecord]:
    records: list[RawRecord] = []
    async with asyncio.timeout(20):
        while len(records) < count:
            records += await reader.read()
    return records


def first_place(records: list[RawRecord]) -> tuple[str, int]:
    return records[0].topic, records[0].partition


async def test_a_tail_that_shows_no_record_is_an_end_too(settings: Settings, address: str) -> None:
    """As a compacted tail does, a transaction's marker takes the last offset and is never handed out."""
    topic = ITEM_DELTAS.full_name(settings.namespace)
    producer: Any = AIOKafkaProducer(bootstrap_servers=address, transactional_id=settings.namespace)
    await producer.start()
    try:
        async with producer.transaction():
            await producer.send_and_wait(topic, b"v", key=b"k", partition=0)
    finally:
        await producer.stop()
    await wait_for_end(address, TopicPartition(topic, 0), 2)
    async with open_producer(address) as other:
        busy = asyncio.create_task(keep_busy(other, topic))
        records = await read_to_end(address, ITEM_DELTAS, settings.namespace)
        await cancel_and_wait(busy)
    assert b"v" in [record.value for record in records]


async def keep_busy(producer: Any, topic: str) -> None:
    """Write to the other partitions all the time."""
    for n in itertools.count():
        await producer.send_and_wait(topic, b"busy", key=str(n).encode(), partition=1 + n % 3)


async def wait_for_end(address: str, tp: TopicPartition, wanted: int) -> None:
    """Wait for the marker, which is written some time after the commit was answered."""
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=address)
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            while (await consumer.end_offsets([tp]))[tp] != wanted:
                pass
    finally:
        await consumer.stop()
