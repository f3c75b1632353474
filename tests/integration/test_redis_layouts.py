"""What gateways read through what happens to a Redis: a stop, a restart, a crash."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from schemas.errors import KeyUnreadable, StoreUnavailable
from schemas.ids import VisitorId
from streams.local.servers.redis import LocalRedis
from streams.stores.keys import Keys
from streams.stores.protocols import Following, Notice, Stored
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.layouts import RedisLayouts

ANN = VisitorId("a:ann")
KEYS = Keys("wire")
WITHIN_S = 20.0


@pytest.fixture
async def connection(redis_server: LocalRedis) -> AsyncIterator[ReconnectingConnection]:
    async with ReconnectingConnection(redis_server.url) as connection:
        async with asyncio.timeout(WITHIN_S):
            await connection.wait_connected()
        yield connection


@pytest.fixture
def layouts(connection: ReconnectingConnection) -> RedisLayouts:
    return RedisLayouts(connection, KEYS)


async def test_thousands_of_reads_at_once_each_get_their_own_answer(
    connection: ReconnectingConnection, layouts: RedisLayouts
) -> None:
    visitors = [VisitorId(f"a:{n}") for n in range(3000)]
    await asyncio.gather(*(connection.call("SET", KEYS.state(1, v), f"state of {v}") for v in visitors))
    states = await asyncio.gather(*(layouts.state(1, v) for v in visitors))
    assert states == [f"state of {v}".encode() for v in visitors]


async def test_a_caller_who_gives_up_does_not_shift_the_answers(
    connection: ReconnectingConnection, layouts: RedisLayouts
) -> None:
    await connection.call("SET", KEYS.state(1, ANN), "known")
    impatient = asyncio.create_task(layouts.state(1, VisitorId("a:other")))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await layouts.state(1, ANN) == b"known"


async def test_a_blocked_redis_is_noticed_and_taken_up_again(
    connection: ReconnectingConnection, layouts: RedisLayouts, redis_server: LocalRedis
) -> None:
    redis_server.pause()
    for _ in range(2):  # the second time at once: there is no connection
        with pytest.raises(StoreUnavailable, match=r"has not answered for 0\.75 s"):
            async with asyncio.timeout(WITHIN_S):
                await layouts.state(1, ANN)
    redis_server.resume()
    async with asyncio.timeout(WITHIN_S):
        await connection.wait_connected()
    assert await layouts.state(1, ANN) is None


async def test_notices_go_on_after_a_crash(
    connection: ReconnectingConnection, layouts: RedisLayouts, redis_server: LocalRedis
) -> None:
    notices = layouts.notices()
    stream = aiter(notices)
    await notices.follow(3)
    async with asyncio.timeout(WITHIN_S):
        assert await anext(stream) == Following(3)
        await asyncio.to_thread(redis_server.kill)
        await asyncio.to_thread(redis_server.start)
        assert await anext(stream) == Following(3)
        await connection.wait_connected()
        payload = b'[["a:ann",1,"7.3.1",100.5,101,102.25]]'
        assert await connection.call("SPUBLISH", KEYS.channel(3), payload) == 1
        assert await anext(stream) == Notice(3, ANN, True, "7.3.1", (100.5, 101, 102.25))
    await notices.close()


async def test_notices_begin_as_soon_as_redis_allows_them(
    connection: ReconnectingConnection, layouts: RedisLayouts
) -> None:
    await connection.call("ACL", "SETUSER", "default", "-ssubscribe")
    notices = layouts.notices()
    stream = aiter(notices)
    await notices.follow(3)
    async with asyncio.timeout(WITHIN_S):
        refused = b""
        while b"NOPERM" not in refused:
            refused = await connection.call("INFO", "errorstats")
        await connection.call("ACL", "SETUSER", "default", "+ssubscribe")
        assert await anext(stream) == Following(3)
    await notices.close()
    assert [received async for received in stream] == []


async def test_what_redis_refuses_is_unavailable(
    connection: ReconnectingConnection, layouts: RedisLayouts
) -> None:
    await connection.call("HSET", KEYS.state(1, ANN), "a", "hash")
    for read in (layouts.state, layouts.state_layout_done):
        with pytest.raises(KeyUnreadable, match="WRONGTYPE"):
            await read(1, ANN)
    await connection.call("ACL", "SETUSER", "default", "-hmget")
    with pytest.raises(StoreUnavailable, match="NOPERM") as caught:
        await layouts.layout(1, ANN)
    assert not isinstance(caught.value, KeyUnreadable)
    await connection.call("ACL", "SETUSER", "default", "+hmget")
    assert await layouts.state_layout_done(2, ANN) == Stored()
