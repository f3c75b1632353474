"""What only the real Redis can show: expiry, lost connections, refused policies, foreign errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis.asyncio
from redis.exceptions import ResponseError

from schemas.errors import ServiceMissing, StoreUnavailable
from schemas.ids import VisitorId
from streams.stores import meta
from streams.stores.keys import Keys
from streams.stores.protocols import Following, Notice, SliceWrite, VisitorWrite
from streams.stores.redis.client import connect, refuse_eviction, translate_errors
from streams.stores.redis.layouts import RedisLayouts
from streams.stores.redis.visitors import RedisVisitors

ANN = VisitorId("u:ann")


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


async def write_ann(client: redis.asyncio.Redis, keys: Keys) -> None:
    visitors = RedisVisitors(client, keys, incarnation=1)
    claim = await visitors.claim(0, "w", 1)
    one = VisitorWrite(visitor=ANN, state=b"1", version="1.0.0", head=b"h", body=b"b")
    await visitors.write(
        SliceWrite(
            partition=0, epoch=claim.epoch, expect_done=claim.done, expect_part=0,
            done=(claim.done or 0) + 1, part=0, visitors=[one],
        )
    )  # fmt: skip


async def test_states_and_layouts_expire_and_ownership_does_not(
    client: redis.asyncio.Redis, namespace: str
) -> None:
    keys = Keys(namespace)
    await write_ann(client, keys)
    assert 119 * 86_400 < await client.ttl(keys.state(0, ANN)) <= 120 * 86_400
    assert 1790 < await client.ttl(keys.layout(0, ANN)) <= 1800
    assert await client.ttl(keys.own(0)) == -1


async def test_notices_come_back_after_a_lost_connection(
    client: redis.asyncio.Redis, redis_url: str, namespace: str
) -> None:
    keys = Keys(namespace)
    notices = RedisLayouts(client, keys, address=redis_url).notices()
    stream = aiter(notices)
    async with asyncio.timeout(15):
        await notices.follow(0)
        assert await anext(stream) == Following(0)
        await client.client_kill_filter(_type="pubsub")
        assert await anext(stream) == Following(0)
        await write_ann(client, keys)
        assert await anext(stream) == Notice(0, ANN, True, "1.0.0")
    await stream.aclose()
    await notices.close()


async def test_a_server_that_is_not_there_is_store_unavailable(free_port: int) -> None:
    client = connect(f"127.0.0.1:{free_port}")
    with pytest.raises(StoreUnavailable, match="Redis"):
        await RedisLayouts(client, Keys("x"), address="127.0.0.1:1").state(0, ANN)
    with pytest.raises(StoreUnavailable, match="Redis"):
        await RedisVisitors(client, Keys("x"), incarnation=1).claim(0, "w", 1)
    await client.aclose()


def test_only_passing_errors_are_translated() -> None:
    with pytest.raises(StoreUnavailable), translate_errors():
        raise ResponseError("MISCONF Redis is configured to save RDB snapshots")
    with pytest.raises(ResponseError), translate_errors():
        raise ResponseError("WRONGTYPE Operation against a key")


async def test_a_redis_that_evicts_is_refused(client: redis.asyncio.Redis) -> None:
    await refuse_eviction(client)
    await client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(ServiceMissing, match="allkeys-lru"):
            await refuse_eviction(client)
    finally:
        await client.config_set("maxmemory-policy", "noeviction")


async def test_all_processes_agree_on_the_topic(client: redis.asyncio.Redis, namespace: str) -> None:
    keys = Keys(namespace)
    first = meta.Meta(topic_id="aaa", partitions=16)
    assert await meta.read_meta(client, keys) is None
    assert await meta.agree(client, keys, first) == first
    assert await meta.read_meta(client, keys) == first
    with pytest.raises(ServiceMissing, match="topics create"):
        await meta.agree(client, keys, meta.Meta(topic_id="bbb", partitions=16))
    again = meta.Meta(topic_id="bbb", partitions=16)
    await meta.write_meta(client, keys, again)
    assert await meta.agree(client, keys, again) == again
    assert again.incarnation != first.incarnation
