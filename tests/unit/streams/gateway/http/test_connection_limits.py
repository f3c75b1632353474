"""A request whose head does not come is let go of; one that has come may take its time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import pytest
import uvicorn

from streams.gateway.http.connection_limits import LimitedHttpProtocol

WITHIN_S = 20.0
REQUEST = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n"


class Hasty(LimitedHttpProtocol):
    head_within_s = 0.5


@asynccontextmanager
async def served(protocol: type[LimitedHttpProtocol]) -> AsyncIterator[int]:
    """The port of a server whose answer comes after twice the time that a hasty one grants a head."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(2 * Hasty.head_within_s)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    config = uvicorn.Config(app, http=protocol, ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # type: ignore[assignment]  # the signals are pytest's
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield listening.getsockname()[1]
        server.should_exit = True
        await serving


@pytest.mark.parametrize("begun", [b"", b"GET /v1/layouts/home HTTP/1.1\r\nhost: te"])
async def test_half_a_head_is_let_go_of(begun: bytes) -> None:
    async with served(Hasty) as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        assert await reader.read() == b""
        writer.close()


async def test_a_slow_answer_is_waited_for_and_so_is_the_next_request() -> None:
    async with served(Hasty) as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(REQUEST)
            assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(2 * Hasty.head_within_s)  # between requests nobody is late
        writer.write(REQUEST[:-2])
        assert await reader.read() == b""
        writer.close()


async def test_half_a_head_behind_a_running_answer_does_not_end_it() -> None:
    async with served(Hasty) as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST + REQUEST[:-2])
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        writer.write(REQUEST[-2:])
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_empty_lines_between_requests_do_not_hold_a_connection_open() -> None:
    async with served(Hasty) as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await reader.readuntil(b"\r\n\r\nok")
        writer.write(b"\r\n")
        assert await reader.read() == b""
        writer.close()
