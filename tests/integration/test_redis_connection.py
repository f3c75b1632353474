"""Commands over one connection: each gets its own answer or error, and late answers reach nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
import redis.asyncio

from schemas.errors import StoreUnavailable
from streams.stores.redis.connection import ReconnectingConnection, run_blocking
from streams.stores.redis.pipeline import CommandRefused

WITHIN_S = 10.0


@pytest.fixture
async def connection(redis_url: str) -> AsyncIterator[ReconnectingConnection]:
    """So patient that only what a test does to it ends it."""
    async with ReconnectingConnection(redis_url, stuck_s=30) as connection:
        yield connection


async def answers_of(*asked: Awaitable[Any]) -> list[Any]:
    """The answers, or errors in their place."""
    async with asyncio.timeout(WITHIN_S):
        return await asyncio.gather(*asked, return_exceptions=True)


async def test_what_is_asked_together_goes_on_one_connection(
    connection: ReconnectingConnection, client: redis.asyncio.Redis, namespace: str
) -> None:
    await connection.call("PING")
    before = int((await client.info("stats"))["total_connections_received"])
    answers = await answers_of(*(connection.call("INCR", f"{namespace}:n") for _ in range(50)))
    assert answers == list(range(1, 51))
    assert int((await client.info("stats"))["total_connections_received"]) == before


async def test_an_error_is_that_of_its_command_alone(
    connection: ReconnectingConnection, namespace: str
) -> None:
    await connection.call("SET", f"{namespace}:s", "text")
    wrong, right = await answers_of(
        connection.call("INCR", f"{namespace}:s"), connection.call("GET", f"{namespace}:s")
    )
    assert isinstance(wrong, CommandRefused)
    assert right == b"text"
    assert await connection.call("GET", f"{namespace}:s") == b"text"


async def test_a_late_answer_reaches_nobody_and_costs_no_connection(
    connection: ReconnectingConnection, client: redis.asyncio.Redis, namespace: str
) -> None:
    await connection.call("SET", f"{namespace}:s", "mine")
    number = await connection.call("CLIENT", "ID")
    await client.client_pause(400, all=True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await connection.call("INCR", f"{namespace}:late")
    assert await answers_of(connection.call("GET", f"{namespace}:s")) == [b"mine"]
    assert await connection.call("CLIENT", "ID") == number


async def test_one_who_gives_up_leaves_the_others_waiting(
    connection: ReconnectingConnection, client: redis.asyncio.Redis, namespace: str
) -> None:
    await connection.call("PING")
    await client.client_pause(300, all=True)
    hasty = asyncio.create_task(connection.call("INCR", f"{namespace}:n"))
    patient = asyncio.create_task(connection.call("INCR", f"{namespace}:n"))
    await asyncio.sleep(0)  # both have asked
    hasty.cancel()
    assert await answers_of(patient) == [2]


async def test_a_lost_connection_is_told_to_all_and_made_anew(
    connection: ReconnectingConnection, client: redis.asyncio.Redis, namespace: str
) -> None:
    number = await connection.call("CLIENT", "ID")
    asked = [asyncio.create_task(connection.call("BLPOP", f"{namespace}:{n}", 20)) for n in range(3)]
    await until_blocked(client, number)
    await client.client_kill_filter(_id=number)
    answers = await answers_of(*asked)
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
    assert all(str(answer).endswith("closed the connection") for answer in answers)
    async with asyncio.timeout(WITHIN_S):
        await connection.wait_connected()
    assert await connection.call("GET", f"{namespace}:0") is None


async def until_blocked(client: redis.asyncio.Redis, number: int) -> None:
    """Return as soon as Redis lets that connection wait."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            clients = {int(one["id"]): one for one in await client.client_list()}
            if "b" in clients[number]["flags"]:
                return


async def test_nobody_listens_at_a_closed_port(free_port: int) -> None:
    why = f"Redis at 127.0.0.1:{free_port} does not answer: Connection refused"
    async with ReconnectingConnection(f"127.0.0.1:{free_port}") as lonely:
        assert [str(answer) for answer in await answers_of(lonely.call("PING"))] == [why]
        with pytest.raises(StoreUnavailable, match=why):
            lonely.ask("PING")


async def test_an_ended_connection_refuses(redis_url: str) -> None:
    async with ReconnectingConnection(redis_url) as connection:
        await connection.call("PING")
    for refused in (connection.call("PING"), connection.wait_connected()):
        with pytest.raises(StoreUnavailable, match="was ended"):
            await refused


async def test_name_password_and_database_of_the_address_are_used(
    client: redis.asyncio.Redis, redis_url: str, namespace: str
) -> None:
    await client.acl_setuser(namespace, enabled=True, passwords=["+secret"], commands=["+@all"], keys=["*"])
    place = redis_url.removeprefix("redis://").partition("/")[0]
    try:
        address = f"redis://{namespace}:secret@{place}/3?client_name=shop"
        async with ReconnectingConnection(address) as connection:
            said = (await connection.call("CLIENT", "INFO")).decode().split()
        assert {f"user={namespace}", "db=3", "name=shop"} <= set(said)
        async with ReconnectingConnection(f"redis://{namespace}:wrong@{place}") as connection:
            with pytest.raises(StoreUnavailable, match="WRONGPASS"):
                await connection.call("PING")
    finally:
        await client.acl_deluser(namespace)


async def test_work_for_callers_that_cannot_await(redis_url: str, free_port: int) -> None:
    """Also where a loop runs already, as here."""
    assert run_blocking(redis_url, lambda connection: connection.call("ECHO", "x"), within_s=5) == b"x"
    with pytest.raises(StoreUnavailable, match="Connection refused"):
        run_blocking(f"127.0.0.1:{free_port}", lambda connection: connection.call("PING"), within_s=5)
    with pytest.raises(StoreUnavailable, match=r"does not answer within 0\.1 s"):
        run_blocking(redis_url, lambda connection: connection.call("BLPOP", "none", 5), within_s=0.1)
