"""Probes of a process that has no web server of its own: an ASGI app of three paths, served by uvicorn.

/livez says that the event loop turns, /readyz whether work can be done (and why not), /metrics what happened.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import msgspec
import uvicorn
from msgspec import Struct
from uvicorn.protocols.http.h11_impl import H11Protocol

from streams.runtime.telemetry.metrics import CONTENT_TYPE as METRICS_TYPE

WITHIN_S = 5.0
"""How long one connection may last, with its request and its answer."""
HEAD_BYTES_MAX = 8192
JSON_TYPE = "application/json"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Readiness(Struct, frozen=True):
    """Whether the process can do its work; `reason` is one line for a person."""

    ready: bool
    reason: str = ""


def readiness_of(*reasons: str) -> Readiness:
    """Not ready for the first of `reasons` that is not empty; ready when all of them are."""
    return next((Readiness(False, reason) for reason in reasons if reason), Readiness(True))


class Answer(Struct, frozen=True):
    """What one path says."""

    code: int
    body: bytes
    kind: str = JSON_TYPE


class ProbeApp:
    """The ASGI app: 200 or 503 with a Readiness, 404 for other paths, 405 for other methods.

    Args:
        readiness: asked for each /readyz; cheap, for it runs in the loop that does the work.
        metrics: the whole text of /metrics.
    """

    def __init__(self, *, readiness: Callable[[], Readiness], metrics: Callable[[], bytes]) -> None:
        self._paths: dict[str, Callable[[], Answer]] = {
            "/livez": lambda: _answer_of(Readiness(True)),
            "/readyz": lambda: _answer_of(readiness()),
            "/metrics": lambda: Answer(200, metrics(), METRICS_TYPE),
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        answer = self._answer(scope["method"], scope["path"])
        headers = [
            (b"content-type", answer.kind.encode()),
            (b"content-length", b"%d" % len(answer.body)),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": answer.code, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def _answer(self, method: str, path: str) -> Answer:
        if method not in ("GET", "HEAD"):
            return Answer(405, b'{"detail":"GET or HEAD only"}')
        known = self._paths.get(path)
        return known() if known else Answer(404, b'{"detail":"there are /livez, /readyz and /metrics"}')


class BoundedConnection(H11Protocol):
    """One connection, closed after WITHIN_S whatever it did: uvicorn waits for a head without end."""

    def connection_made(  # type: ignore[override]  # uvicorn narrows the transport itself
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        self._bound: asyncio.Handle = self.loop.call_later(WITHIN_S, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._bound.cancel()
        super().connection_lost(exc)


@asynccontextmanager
async def serve_probes(app: ProbeApp, host: str, port: int) -> AsyncIterator[str]:
    """Serve the probes in the running loop while the context is open.

    Yields:
        The `host:port` really listened on; port 0 takes a free one.

    Raises:
        OSError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family)
    server = _server(app)
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="probes")
    try:
        yield f"{host}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


def _server(app: ProbeApp) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        loop="none",
        http=BoundedConnection,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",  # a scanner's bytes are no news
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # type: ignore[assignment]  # the signals are the lifecycle's
    return server


def _answer_of(readiness: Readiness) -> Answer:
    return Answer(200 if readiness.ready else 503, msgspec.json.encode(readiness))
