"""The gateway's connection to Redis through what happens to a Redis: a stop, a restart, a crash."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from schemas.errors import KeyUnreadable, StoreUnavailable
from schemas.ids import VisitorId
from streams.local.servers.redis import LocalRedis
from streams.stores.keys import Keys
from streams.stores.protocols import Following, Notice, Stored
from streams.stores.redis.pipelined_connection import STUCK_S
from streams.stores.redis.pipelined_layouts import PipelinedLayouts

ANN = VisitorId("a:ann")
KEYS = Keys("wire")
WITHIN_S = 20.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalRedis]:
    server = LocalRedis(tmp_path / "redis")
    server.start()
    yield server
    server.resume()
    server.stop()


@pytest.fixture
async def layouts(server: LocalRedis) -> AsyncIterator[PipelinedLayouts]:
    layouts = PipelinedLayouts(server.url, KEYS)
    layouts.start()
    async with asyncio.timeout(WITHIN_S):
        await layouts.wait_connected()
    yield layouts
    await layouts.stop()


async def test_thousands_of_reads_at_once_each_get_their_own_answer(layouts: PipelinedLayouts) -> None:
    ask = layouts._redis.ask
    visitors = [VisitorId(f"a:{n}") for n in range(3000)]
    await asyncio.gather(*(ask("SET", KEYS.state(1, v), f"state of {v}") for v in visitors))
    states = await asyncio.gather(*(layouts.state(1, v) for v in visitors))
    assert states == [f"state of {v}".encode() for v in visitors]


async def test_a_caller_who_gives_up_does_not_shift_the_answers(layouts: PipelinedLayouts) -> None:
    ask = layouts._redis.ask
    await ask("SET", KEYS.state(1, ANN), "known")
    impatient = asyncio.create_task(layouts.state(1, VisitorId("a:other")))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await layouts.state(1, ANN) == b"known"


async def test_a_blocked_redis_is_noticed_and_taken_up_again(
    layouts: PipelinedLayouts, server: LocalRedis
) -> None:
    server.pause()
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        async with asyncio.timeout(WITHIN_S):
            await layouts.state(1, ANN)
    assert time.monotonic() - started < STUCK_S * 3
    with pytest.raises(StoreUnavailable, match="no connection"):
        await layouts.state(1, ANN)
    server.resume()
    async with asyncio.timeout(WITHIN_S):
        await layouts.wait_connected()
    assert await layouts.state(1, ANN) is None


async def test_notices_go_on_after_a_crash(layouts: PipelinedLayouts, server: LocalRedis) -> None:
    notices = layouts.notices()
    stream = aiter(notices)
    await notices.follow(3)
    async with asyncio.timeout(WITHIN_S):
        assert await anext(stream) == Following(3)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        assert await anext(stream) == Following(3)
        await layouts.wait_connected()
        payload = b'[["a:ann",1,"7.3.1",100.5,101,102.25]]'
        assert await layouts._redis.ask("SPUBLISH", KEYS.channel(3), payload) == 1
        assert await anext(stream) == Notice(3, ANN, True, "7.3.1", (100.5, 101, 102.25))
    await notices.close()


async def test_what_redis_refuses_is_unavailable(layouts: PipelinedLayouts) -> None:
    await layouts._redis.ask("HSET", KEYS.state(1, ANN), "a", "hash")
    with pytest.raises(KeyUnreadable, match="WRONGTYPE"):
        await layouts.state(1, ANN)
    assert await layouts.state_layout_done(2, ANN) == Stored()
