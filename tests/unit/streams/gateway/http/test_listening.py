"""A server that ends answers what is on its way to it, and says that it is the last answer."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from schemas.errors import ServiceMissing
from streams.gateway.http import listening
from streams.gateway.http.connection_limits import CONNECTIONS_MAX, LimitedHttpProtocol
from streams.gateway.http.limits.client_address import ClientAddresses, PeerConnections
from streams.gateway.http.listening import SPARE_DESCRIPTORS, GracefulServer, listen, raise_descriptors
from streams.runtime.ports import listening_socket
from streams.runtime.settings import Settings
from tests.shop_load import Connection

LONG_S = 60.0
WITHIN_S = 30.0


class Served:
    """A server in this loop; `answering` holds its answers back while it is cleared."""

    def __init__(self, *, unready_s: float = 0.0) -> None:
        self.sock = listening_socket("127.0.0.1", 0)
        self.shared = self.sock.dup()
        self.port: int = self.sock.getsockname()[1]
        self.answering, self.asked = asyncio.Event(), asyncio.Event()
        self.answering.set()
        self.server = GracefulServer(config_for(self._answer), unready_s=unready_s)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.set()
        await self.answering.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    def connection(self) -> Connection:
        return Connection("127.0.0.1", self.port)

    async def end(self) -> None:
        """Have it end; returns once it does, with connections still open."""
        self.server.should_exit = True
        await until(lambda: self.server._state.ending)

    async def close(self) -> None:
        """Leave nothing open, however far the end of the server came."""
        for server in self.server.servers:
            server.close()
        connections: Any = self.server.server_state.connections
        for connection in [*connections]:
            connection.transport.abort()
        await until(lambda: not connections)
        self.sock.close()
        self.shared.close()


def config_for(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app, interface="asgi3", http=LimitedHttpProtocol, ws="none", lifespan="off", log_config=None
    )


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@asynccontextmanager
async def served(**options: float) -> AsyncIterator[Served]:
    made = Served(**options)
    serving = asyncio.create_task(made.server.serve(sockets=[made.sock]))
    try:
        await until(lambda: made.server.started)
        yield made
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await made.close()


async def ask(connection: Connection) -> bool:
    """Get one answer; whether the connection stays open after it."""
    assert await connection.ask("GET", "/") == (200, b"ok")
    return connection.is_open


async def test_a_connection_that_waited_for_a_request_is_answered_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "IDLE_WITHIN_S", LONG_S)
    async with served() as one:
        connection = one.connection()
        assert await ask(connection)
        await one.end()
        assert not await ask(connection)


async def test_an_answer_under_way_is_finished_and_is_the_last() -> None:
    async with served() as one:
        connection = one.connection()
        one.answering.clear()
        asking = asyncio.create_task(ask(connection))
        await one.asked.wait()
        await one.end()
        one.answering.set()
        assert not await asking


async def test_one_that_sends_nothing_more_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "IDLE_WITHIN_S", 0.05)
    async with served() as one:
        reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
        await asyncio.sleep(0)
        one.server.should_exit = True
        assert await reader.read() == b""
        writer.close()


async def test_while_it_is_unready_new_connections_are_answered() -> None:
    async with served(unready_s=LONG_S) as one:
        connection = one.connection()
        assert await ask(connection)
        await one.end()
        assert not await ask(one.connection())
        connection.close()


async def test_what_waits_in_a_shared_socket_outlives_who_accepted_from_it() -> None:
    async with served() as one:
        one.server.should_exit = True
        await until(lambda: not any(server.is_serving() for server in one.server.servers))
        waiting = one.connection()
        asking = asyncio.create_task(ask(waiting))
        heir = GracefulServer(config_for(one._answer), unready_s=0.0)
        serving = asyncio.create_task(heir.serve(sockets=[one.shared.dup()]))
        assert await asking
        heir.should_exit = True
        waiting.close()
        await serving


def test_a_descriptor_that_is_no_listening_socket_is_refused() -> None:
    with socket.socket() as deaf, pytest.raises(ServiceMissing, match="does not listen"):
        listen(Settings(listen_fd=os.dup(deaf.fileno())))
    reading, writing = os.pipe()
    os.close(writing)
    with pytest.raises(ServiceMissing, match=f"ETALAGE_LISTEN_FD={reading} is no socket"):
        listen(Settings(listen_fd=reading))
    os.close(reading)


def test_a_socket_handed_over_is_accepted_from() -> None:
    with listening_socket("127.0.0.1", 0) as theirs:
        handed_over = os.dup(theirs.fileno())
        with listen(Settings(listen_fd=handed_over)) as ours:
            assert ours.getsockname() == theirs.getsockname()


@asynccontextmanager
async def bounded(**bounds: Any) -> AsyncIterator[Served]:
    served = Served()
    served.server = GracefulServer(config_for(served._answer), unready_s=0.0, **bounds)
    serving = asyncio.create_task(served.server.serve(sockets=[served.sock]))
    try:
        yield served
    finally:
        served.server.should_exit = True
        await serving
        served.shared.close()


async def status_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The status line of an answer, empty when the connection was closed before one."""
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    async with asyncio.timeout(WITHIN_S):
        return await reader.readline()


async def test_one_address_does_not_take_all_connections() -> None:
    """Those it has stay good, others have theirs, and it has one more when one of its own is closed."""
    peers = PeerConnections(ClientAddresses(None, private_too=True), most=2)
    async with bounded(peers=peers) as served:
        opened = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(2)]
        for pair in opened:
            assert b"200" in await status_line(*pair)
        third = await asyncio.open_connection("127.0.0.1", served.port)
        assert b"503" in await third[0].readline()
        other = await asyncio.open_connection("127.0.0.1", served.port, local_addr=("127.0.0.9", 0))
        assert b"200" in await status_line(*other)
        opened[0][1].close()
        await until(lambda: peers._open["127.0.0.1"] == 1)
        again = await asyncio.open_connection("127.0.0.1", served.port)
        assert b"200" in await status_line(*again)
        for _, writer in (*opened, third, other, again):
            writer.close()
        await until(lambda: not peers._open)


async def test_there_are_no_more_connections_than_descriptors() -> None:
    async with bounded(connections_max=1) as served:
        first = await asyncio.open_connection("127.0.0.1", served.port)
        assert b"200" in await status_line(*first)
        second = await asyncio.open_connection("127.0.0.1", served.port)
        assert b"503" in await second[0].readline()
        for _, writer in (first, second):
            writer.close()


@pytest.mark.parametrize(
    ("limits", "connections", "raised"),
    [
        ((1024, 524_288), CONNECTIONS_MAX, (CONNECTIONS_MAX + SPARE_DESCRIPTORS, 524_288)),
        ((1024, 1024), 1024 - SPARE_DESCRIPTORS, (1024, 1024)),
        ((100, 100), 1, (100, 100)),
        ((1 << 20, 1 << 20), CONNECTIONS_MAX, None),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), CONNECTIONS_MAX, None),
    ],
)
def test_descriptors_are_raised_as_far_as_may_be(
    limits: tuple[int, int], connections: int, raised: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: calls.append(both))
    assert raise_descriptors() == connections
    assert calls == ([] if raised is None else [raised])
