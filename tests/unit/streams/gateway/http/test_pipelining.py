"""Pipelined requests of one connection: answered in order, and few of them kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from streams.gateway.http.answer_writes import send_whole
from streams.gateway.http.connection_limits import (
    HEAD_WITHIN_S,
    PIPELINED_MAX,
    WAITING_BODY_BYTES_MAX,
)
from tests.unit.streams.gateway.http.served import REQUEST, WITHIN_S, answer_ok, read_until_closed, serve


async def test_whole_answers_of_pipelined_requests_come_in_order() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/1":
            await asyncio.sleep(0.01)
        assert send_whole(scope, b"", scope["path"].encode())

    async with serve(app) as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        paths = [b"/1", b"/2", b"/3"]
        writer.write(b"".join(b"GET " + path + b" HTTP/1.1\r\nhost: test\r\n\r\n" for path in paths))
        for path in paths:
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"\r\ncontent-length: 2\r\n" in head
            assert b"\r\ndate: " in b"\r\n" + head
            assert await reader.readexactly(2) == path
        writer.close()


@asynccontextmanager
async def held_requests() -> AsyncIterator[tuple[int, list[Any], asyncio.Event]]:
    """A server whose answers wait for the event, or for the client to leave: port, scopes answered, event."""
    scopes: list[Any] = []
    may_answer = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        answering = asyncio.ensure_future(may_answer.wait())
        leaving = asyncio.ensure_future(_left(receive))
        await asyncio.wait([answering, leaving], return_when=asyncio.FIRST_COMPLETED)
        for task in (answering, leaving):
            task.cancel()
        scope["left"] = leaving.done() and not leaving.cancelled()
        await answer_ok(scope, receive, send)

    async with serve(app) as port, asyncio.timeout(WITHIN_S):
        yield port, scopes, may_answer


async def _left(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def test_few_pipelined_requests_are_kept_waiting() -> None:
    async with held_requests() as (port, scopes, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST * (PIPELINED_MAX + 2))
        assert await read_until_closed(reader) == b""
        writer.close()
    assert len(scopes) == 1


async def test_as_many_as_may_wait_are_answered_and_those_after_them() -> None:
    async with held_requests() as (port, scopes, may_answer):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            may_answer.clear()
            writer.write(REQUEST * (PIPELINED_MAX + 1))
            while not scopes:  # noqa: ASYNC110 - what the app saw
                await asyncio.sleep(0.001)
            may_answer.set()
            for _ in range(PIPELINED_MAX + 1):
                assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_requests_are_not_queued_without_end() -> None:
    """By a client that goes on sending once it was answered."""
    asked = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            await _left(receive)
        await answer_ok(scope, receive, send)

    sent = 0
    async with serve(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST * 3)
        await reader.readuntil(b"\r\n\r\nok")
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(2 * HEAD_WITHIN_S):
                while sent < 200 << 20:
                    writer.write(REQUEST * 2000)
                    sent += len(REQUEST) * 2000
                    await writer.drain()
        writer.transport.abort()
    assert sent < 20 << 20  # what the buffers of the kernel took


async def test_the_answered_request_learns_that_its_client_left_though_another_waits() -> None:
    async with held_requests() as (port, scopes, _):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST * 2)
        while not scopes:  # noqa: ASYNC110 - what the app saw
            await asyncio.sleep(0.001)
        writer.close()
        while "left" not in scopes[0]:  # noqa: ASYNC110 - what the app saw
            await asyncio.sleep(0.001)
    assert scopes[0]["left"]
    assert len(scopes) == 1


async def test_a_long_body_does_not_wait_behind_an_answer() -> None:
    """Which may be a stream: bodies that nobody reads are counted by nobody."""
    async with held_requests() as (port, scopes, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        length = 4 * WAITING_BODY_BYTES_MAX
        post = REQUEST[:-2].replace(b"GET", b"POST") + b"content-length: %d\r\n\r\n" % length
        writer.write(REQUEST + post + b"a" * length)
        assert await read_until_closed(reader) == b""
        writer.close()
    assert len(scopes) == 1
