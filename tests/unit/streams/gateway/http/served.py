"""Servers for tests of connections: our protocol under uvicorn, applications that answer late or never."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import uvicorn

from streams.gateway.http.connection_limits import HEAD_WITHIN_S, LimitedHttpProtocol

WITHIN_S = 10 * HEAD_WITHIN_S
REQUEST = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n"


async def answer_ok(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def answer_late(scope: Any, receive: Any, send: Any) -> None:
    """Answers after twice the time that a request's head may take."""
    await asyncio.sleep(2 * HEAD_WITHIN_S)
    await answer_ok(scope, receive, send)


@asynccontextmanager
async def serve(app: Any = answer_late) -> AsyncIterator[int]:
    """The port of a server with that application."""
    config = uvicorn.Config(
        app,
        http=LimitedHttpProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=int(WITHIN_S),
    )
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # type: ignore[assignment]  # the signals are pytest's
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield listening.getsockname()[1]
        server.should_exit = True
        await serving


async def read_until_closed(reader: asyncio.StreamReader) -> bytes:
    """What came; nothing from a connection that was reset."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""
