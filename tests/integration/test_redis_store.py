"""What only the real Redis can show: expiry, lost connections, refused policies, foreign errors."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from schemas.errors import ServiceMissing, StoreUnavailable
from schemas.ids import VisitorId
from streams.stores import namespace_meta
from streams.stores.keys import Keys
from streams.stores.protocols import Following, Notice, SliceWrite, VisitorWrite
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.layouts import RedisLayouts
from streams.stores.redis.server_checks import refuse_eviction
from streams.stores.redis.visitors import RedisVisitors

ANN = VisitorId("u:ann")


@pytest.fixture
async def connection(redis_url: str) -> AsyncIterator[ReconnectingConnection]:
    async with ReconnectingConnection(redis_url) as connection:
        yield connection


async def write_ann(connection: ReconnectingConnection, keys: Keys) -> None:
    visitors = RedisVisitors(connection, keys, incarnation=1)
    claim = await visitors.claim(0, "w", 1)
    one = VisitorWrite(visitor=ANN, state=b"1", version="1.0.0", head=b"h", body=b"b")
    await visitors.write(
        SliceWrite(
            partition=0, epoch=claim.epoch, expect_done=claim.done, expect_part=0,
            done=(claim.done or 0) + 1, part=0, visitors=[one],
        )
    )  # fmt: skip


async def test_states_and_layouts_expire_and_ownership_does_not(
    connection: ReconnectingConnection, client: redis.asyncio.Redis, namespace: str
) -> None:
    keys = Keys(namespace)
    await write_ann(connection, keys)
    assert 119 * 86_400 < await client.ttl(keys.state(0, ANN)) <= 120 * 86_400
    assert 1790 < await client.ttl(keys.layout(0, ANN)) <= 1800
    assert await client.ttl(keys.own(0)) == -1


async def test_notices_come_back_after_a_lost_connection(
    connection: ReconnectingConnection, client: redis.asyncio.Redis, namespace: str
) -> None:
    keys = Keys(namespace)
    notices = RedisLayouts(connection, keys).notices()
    stream = aiter(notices)
    async with asyncio.timeout(15):
        await notices.follow(0)
        assert await anext(stream) == Following(0)
        await client.client_kill_filter(_type="pubsub")
        assert await anext(stream) == Following(0)
        await write_ann(connection, keys)
        assert await anext(stream) == Notice(0, ANN, True, "1.0.0")
    await notices.close()


async def test_a_server_that_is_not_there_is_store_unavailable(free_port: int) -> None:
    async with ReconnectingConnection(f"127.0.0.1:{free_port}") as connection:
        with pytest.raises(StoreUnavailable, match="Redis"):
            await RedisLayouts(connection, Keys("x")).state(0, ANN)
        with pytest.raises(StoreUnavailable, match="Redis"):
            await RedisVisitors(connection, Keys("x"), incarnation=1).claim(0, "w", 1)


async def test_a_redis_that_evicts_is_refused(
    connection: ReconnectingConnection, client: redis.asyncio.Redis
) -> None:
    await refuse_eviction(connection)
    await client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(ServiceMissing, match="allkeys-lru"):
            await refuse_eviction(connection)
    finally:
        await client.config_set("maxmemory-policy", "noeviction")


async def test_all_processes_agree_on_the_topic(connection: ReconnectingConnection, namespace: str) -> None:
    keys = Keys(namespace)
    first = namespace_meta.Meta(topic_id="aaa", partitions=16)
    assert await namespace_meta.read_meta(connection, keys) is None
    assert await namespace_meta.agree(connection, keys, first) == first
    assert await namespace_meta.read_meta(connection, keys) == first
    with pytest.raises(ServiceMissing, match="topics create"):
        await namespace_meta.agree(connection, keys, namespace_meta.Meta(topic_id="bbb", partitions=16))
    again = namespace_meta.Meta(topic_id="bbb", partitions=16)
    await namespace_meta.write_meta(connection, keys, again)
    assert await namespace_meta.agree(connection, keys, again) == again
    assert again.incarnation != first.incarnation


@pytest.mark.parametrize(
    "spoil", [("RPUSH", "{key}", "x"), ("SET", "{key}", "x"), ("HSET", "{key}", "e", "x", "done", "y")]
)
async def test_a_partition_whose_ownership_cannot_be_read_is_not_claimed(
    connection: ReconnectingConnection, client: redis.asyncio.Redis, namespace: str, spoil: tuple[str, ...]
) -> None:
    keys = Keys(namespace)
    await client.execute_command(*(word.format(key=keys.own(0)) for word in spoil))  # type: ignore[no-untyped-call]  # redis-py types none of these
    visitors = RedisVisitors(connection, keys, incarnation=1)
    with pytest.raises(ServiceMissing, match=re.escape(f"`redis-cli DEL {keys.own(0)}` lets partition 0")):
        await visitors.claim(0, "w", 1)
    await client.delete(keys.own(0))
    assert (await visitors.claim(0, "w", 1)).done is None
