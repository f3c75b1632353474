"""One connection to Redis that carries every read of this process, many at a time.

redis-py gives each call a connection of its own and costs 60-120 µs of CPU; here the calls of one turn of the
loop leave in one write, and replies are matched in order (2-5 µs a call, measured).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, cast

import hiredis
from redis.asyncio.connection import parse_url

from schemas.errors import KeyUnreadable, StoreUnavailable
from streams.runtime.settings import redis_url_of
from streams.runtime.tasks import ignore_result
from streams.runtime.telemetry.logs import logger

Reply = Any
Word = str | int | float | bytes | memoryview
HANDSHAKE_S = 2.0
REDIAL_S = (0.05, 0.1, 0.25, 0.5)
"""Pauses between attempts to connect; the last one repeats."""

STUCK_S = 0.75
"""A connection whose oldest command is unanswered for so long is given up: Redis is stopped, or gone."""


OnMessage = Callable[[bytes, bytes], None]
"""Takes channel and payload of a message that nobody asked for."""


class PipelinedConnection(asyncio.Protocol):
    """The protocol of one connection (RESP2); with `on_message` it may subscribe."""

    def __init__(self, on_message: OnMessage | None = None) -> None:
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._asked_at = 0.0
        self.closed: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        for future in self._waiting:
            if not future.done():
                future.set_exception(StoreUnavailable("Redis closed the connection"))
        self._waiting.clear()
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        self._asked_at = self._loop.time()
        while (reply := self._reader.gets()) is not _NOTHING:
            if self._on_message and type(reply) is list and reply and reply[0] == b"smessage":
                self._on_message(reply[1], reply[2])
            elif self._waiting:
                future = self._waiting.popleft()
                if not future.done():
                    future.set_result(reply)
            else:
                self.close()  # unasked, as when a slot moves and its subscription ends: begin anew
                return

    def ask(self, *words: Word) -> asyncio.Future[Reply]:
        """Send one command with the others of this turn of the loop; its reply, errors as values."""
        future: asyncio.Future[Reply] = self._loop.create_future()
        if self._transport is None:
            future.set_exception(StoreUnavailable("no connection to Redis"))
            return future
        if not self._waiting:
            self._asked_at = self._loop.time()
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(hiredis.pack_command(words))  # type: ignore[arg-type]  # its stub names a 1-tuple
        self._waiting.append(future)
        return future

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    @property
    def stuck_for(self) -> float:
        """Seconds since Redis last said anything while something is asked of it; 0 when nothing is."""
        return self._loop.time() - self._asked_at if self._waiting else 0.0

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


_NOTHING = object()


class ReconnectingConnection:
    """Keeps a Wire open: dials in the background for ever, and lets go of one that is stuck."""

    def __init__(
        self,
        url: str,
        *,
        on_message: OnMessage | None = None,
        on_open: Callable[[PipelinedConnection], Awaitable[None]] | None = None,
    ) -> None:
        self._address: dict[str, Any] = dict(parse_url(redis_url_of(url)))
        self._on_message, self._on_open = on_message, on_open
        self.wire: PipelinedConnection | None = None
        self._open = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep(), name="redis-wire")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.wire is not None:
            self.wire.close()

    async def wait_connected(self) -> None:
        """Wait until there is a connection."""
        await self._open.wait()

    def ask(self, *words: Word) -> asyncio.Future[Reply]:
        """As Wire.ask; StoreUnavailable at once while there is no connection."""
        if self.wire is None:
            raise StoreUnavailable("no connection to Redis")
        return self.wire.ask(*words)

    async def _keep(self) -> None:
        tries = 0
        while True:
            try:
                self.wire = await self._dial()
            except Exception as exc:
                if not isinstance(exc, OSError | TimeoutError | StoreUnavailable):
                    logger("gateway").warning("Redis could not be dialled", why=repr(exc))
                await asyncio.sleep(REDIAL_S[min(tries, len(REDIAL_S) - 1)])
                tries += 1
                continue
            tries = 0
            self._open.set()
            await _watch(self.wire)
            self.wire = None
            self._open.clear()

    async def _dial(self) -> PipelinedConnection:
        address = self._address
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(HANDSHAKE_S):
            _, wire = await loop.create_connection(
                self._make,
                address.get("host", "localhost"),
                address.get("port", 6379),
                ssl=True if "SSL" in getattr(address.get("connection_class"), "__name__", "") else None,
            )
            try:
                await self._greet(wire)
                if self._on_open is not None:
                    await self._on_open(wire)
            except BaseException:
                wire.close()
                raise
        return wire

    def _make(self) -> PipelinedConnection:
        return PipelinedConnection(self._on_message)

    async def _greet(self, wire: PipelinedConnection) -> None:
        address = self._address
        if address.get("password"):
            names = (address["username"],) if address.get("username") else ()
            raise_on_error(await wire.ask("AUTH", *names, address["password"]))
        if address.get("db"):
            raise_on_error(await wire.ask("SELECT", address["db"]))
        raise_on_error(await wire.ask("PING"))


async def _watch(wire: PipelinedConnection) -> None:
    """Until the connection is lost or stuck; asked now and then, so that silence means something."""
    while not wire.closed.done():
        if not wire.stuck_for:
            wire.ask("PING").add_done_callback(ignore_result)
        await asyncio.wait([wire.closed], timeout=STUCK_S / 3)
        if wire.stuck_for > STUCK_S:
            wire.close()
            return


def raise_on_error(reply: Reply) -> Reply:
    """A reply that is an error means that the store cannot serve now (loading, out of memory, moved)."""
    if isinstance(reply, hiredis.ReplyError):
        raise (KeyUnreadable if str(reply).startswith("WRONGTYPE") else StoreUnavailable)(f"Redis: {reply}")
    return reply
