"""A connection whose request head does not come is closed; an answer may take its time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import pytest
import uvicorn

from streams.gateway.http.connection_limits import HEAD_WITHIN_S, LimitedHttpProtocol

WITHIN_S = 10 * HEAD_WITHIN_S
REQUEST = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n"


@asynccontextmanager
async def serve() -> AsyncIterator[int]:
    """The port of a server whose answer comes after twice the time that a request's head may take."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(2 * HEAD_WITHIN_S)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    config = uvicorn.Config(
        app,
        http=LimitedHttpProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_keep_alive=int(WITHIN_S),
    )
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # type: ignore[assignment]  # the signals are pytest's
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield listening.getsockname()[1]
        server.should_exit = True
        await serving


@pytest.mark.parametrize("half", [b"", b"GET /v1/layouts/home HTTP/1.1\r\nhost: te"])
async def test_half_a_head_ends_the_connection(half: bytes) -> None:
    async with serve() as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(half)
        assert await reader.read() == b""
        writer.close()


async def test_a_slow_answer_is_waited_for_and_so_is_the_next_request() -> None:
    async with serve() as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(REQUEST)
            assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(2 * HEAD_WITHIN_S)  # between requests nobody is late
        writer.write(REQUEST[:-2])
        assert await reader.read() == b""
        writer.close()


async def test_half_a_head_behind_a_running_answer_does_not_end_it() -> None:
    async with serve() as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST + REQUEST[:-2])
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        writer.write(REQUEST[-2:])
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_empty_lines_between_requests_do_not_hold_a_connection_open() -> None:
    async with serve() as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await reader.readuntil(b"\r\n\r\nok")
        writer.write(b"\r\n")
        assert await reader.read() == b""
        writer.close()
