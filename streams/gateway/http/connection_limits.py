"""uvicorn's HTTP protocol, with bounds it lacks: on the head of a request, on clients that vanished."""

from __future__ import annotations

import asyncio
import socket

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from streams.runtime.deadline import TURNS

HEAD_WITHIN_S = 10.0
VANISHED_MS = 45_000
"""Sent and not acknowledged for so long, a client is gone: without it a stream's heartbeats would wait for
the kernel's own limit, a quarter of an hour, and count as open."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """Lets go of a client that does not finish its request's head, or never begins one."""

    head_within_s = HEAD_WITHIN_S
    _late: asyncio.Handle | None = None

    def connection_made(  # type: ignore[override]  # uvicorn narrows the transport itself
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        if sock is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_MS)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # Before an answer is whole, what comes is a body, or waits behind it.
        if self.cycle is None or self.cycle.response_complete:
            self._expect_head()
        super().data_received(data)

    def on_headers_complete(self) -> None:
        self._head_came()
        super().on_headers_complete()

    def _expect_head(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(self.head_within_s, self._knock, TURNS)

    def _knock(self, turns: int) -> None:
        if turns:
            self._late = self.loop.call_soon(self._knock, turns - 1)
        else:
            self.transport.close()

    def _head_came(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
