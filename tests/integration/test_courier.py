"""Commands sent together: each gets its own answer or error, and late answers reach nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
import redis.asyncio
from redis.exceptions import ConnectionError, ResponseError

from streams.stores.redis.client import connect
from streams.stores.redis.command_batching import CommandBatcher


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


async def answers_of(*asked: Awaitable[Any]) -> list[Any]:
    """The answers, or errors in their place."""
    return await asyncio.gather(*asked, return_exceptions=True)


async def test_what_is_asked_together_goes_on_one_connection(
    client: redis.asyncio.Redis, namespace: str
) -> None:
    batcher = CommandBatcher(client)
    await client.ping()  # one connection is open
    before = int((await client.info("stats"))["total_connections_received"])
    answers = await asyncio.gather(*(batcher("INCR", f"{namespace}:n") for _ in range(50)))
    assert answers == list(range(1, 51))
    assert int((await client.info("stats"))["total_connections_received"]) == before


async def test_an_error_is_that_of_its_command_alone(client: redis.asyncio.Redis, namespace: str) -> None:
    batcher = CommandBatcher(client)
    await batcher("SET", f"{namespace}:s", "text")
    wrong, right = await answers_of(batcher("INCR", f"{namespace}:s"), batcher("GET", f"{namespace}:s"))
    assert isinstance(wrong, ResponseError)
    assert right == b"text"
    assert await batcher("GET", f"{namespace}:s") == b"text"


async def test_a_late_answer_reaches_nobody(client: redis.asyncio.Redis, namespace: str) -> None:
    batcher = CommandBatcher(client)
    await batcher("SET", f"{namespace}:s", "mine")
    await client.client_pause(400, all=True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await batcher("INCR", f"{namespace}:late")
    async with asyncio.timeout(5):
        assert await batcher("GET", f"{namespace}:s") == b"mine"
    await asyncio.sleep(0)
    assert not batcher._rounds


async def test_one_who_waits_on_keeps_the_round(client: redis.asyncio.Redis, namespace: str) -> None:
    batcher = CommandBatcher(client)
    await client.client_pause(300, all=True)
    patient = asyncio.create_task(batcher("INCR", f"{namespace}:n"))
    hasty = asyncio.create_task(batcher("INCR", f"{namespace}:n"))
    await asyncio.sleep(0.05)
    hasty.cancel()
    async with asyncio.timeout(5):
        assert await patient == 1


async def test_a_lost_connection_is_told_to_all(client: redis.asyncio.Redis, namespace: str) -> None:
    batcher = CommandBatcher(client)
    asked = [asyncio.create_task(batcher("BLPOP", f"{namespace}:{n}", 20)) for n in range(3)]
    await asyncio.sleep(0.05)
    await client.client_kill_filter(_type="normal", skipme=True)
    answers = await answers_of(*asked)
    assert [type(answer) for answer in answers] == [ConnectionError] * 3
    assert await batcher("GET", f"{namespace}:0") is None


async def test_nobody_listens_at_a_closed_port(free_port: int) -> None:
    lonely = connect(f"127.0.0.1:{free_port}")
    with pytest.raises(ConnectionError):
        await CommandBatcher(lonely)("PING")
    await lonely.aclose()
