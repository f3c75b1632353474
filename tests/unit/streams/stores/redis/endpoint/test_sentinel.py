"""Sentinels that disagree: what the most name comes first, and only a master is used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import hiredis
import pytest

from schemas.errors import StoreUnavailable
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.endpoint.sentinel import find_masters

HOST, SERVICE = "127.0.0.1", "shop"
Answer = Callable[[list[bytes]], bytes | None]
"""The reply to a command as it goes over the wire; None: never."""


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[int]:
    """A server that answers so; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser = hiredis.Reader()
        while data := await reader.read(4096):
            parser.feed(data)
            while (command := parser.gets()) is not False:
                if (reply := answer(command)) is not None:
                    writer.write(reply)
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def redis_that_is(role: bytes) -> Answer:
    """A Redis with this answer to ROLE, which it gives to GET, too."""
    said = b"*1\r\n$%d\r\n%s\r\n" % (len(role), role)
    name = b"$%d\r\n%s\r\n" % (len(role), role)
    return lambda command: {b"PING": b"+PONG\r\n", b"ROLE": said, b"GET": name}[command[0].upper()]


def sentinel_that_names(port: int) -> Answer:
    digits = str(port).encode()
    return lambda _: b"*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n" % (len(digits), digits)


def knows_nothing(_: list[bytes]) -> bytes:
    return b"*-1\r\n"


def hangs(_: list[bytes]) -> None:
    return None


def resets(_: list[bytes]) -> bytes:
    return b"-ERR broken\r\n"


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def ask_through(stack: AsyncExitStack, *sentinels: Answer) -> bytes:
    """What the Redis says that is found through these Sentinels at the first attempt to connect."""
    ports = [await stack.enter_async_context(serving(sentinel)) for sentinel in sentinels]
    hosts = ",".join(f"{HOST}:{port}" for port in ports)
    async with ReconnectingConnection(f"redis+sentinel://{hosts}/{SERVICE}") as connection:
        reply: bytes = await connection.call("GET", "x")
        return reply


@pytest.mark.parametrize("old", [redis_that_is(b"slave"), hangs, resets])
async def test_a_stale_sentinel_that_stands_first_hides_no_master(stack: AsyncExitStack, old: Answer) -> None:
    former = await stack.enter_async_context(serving(old))
    master = await stack.enter_async_context(serving(redis_that_is(b"master")))
    found = await ask_through(stack, sentinel_that_names(former), sentinel_that_names(master))
    assert found == b"master"


async def test_an_old_master_that_is_gone_is_passed_over(stack: AsyncExitStack, unused_tcp_port: int) -> None:
    master = await stack.enter_async_context(serving(redis_that_is(b"master")))
    sentinels = [sentinel_that_names(unused_tcp_port), hangs, knows_nothing, sentinel_that_names(master)]
    assert await ask_through(stack, *sentinels) == b"master"


async def test_of_two_that_call_themselves_master_the_one_of_most_sentinels_is_used(
    stack: AsyncExitStack,
) -> None:
    """One that was cut off and came back is a master until it is told otherwise."""
    returned = await stack.enter_async_context(serving(redis_that_is(b"master")))
    elected = await stack.enter_async_context(serving(redis_that_is(b"master")))
    sentinels = [sentinel_that_names(port) for port in (returned, elected, elected)]
    ports = [await stack.enter_async_context(serving(sentinel)) for sentinel in sentinels]
    named = await find_masters([(HOST, port) for port in ports], SERVICE, [], None)
    assert named == [(HOST, elected), (HOST, returned)]


async def test_without_any_master_the_error_names_what_was_called_one(stack: AsyncExitStack) -> None:
    former = await stack.enter_async_context(serving(redis_that_is(b"slave")))
    with pytest.raises(StoreUnavailable, match=f"still name {HOST}:{former} as a master, and it is none"):
        await ask_through(stack, sentinel_that_names(former), knows_nothing)
