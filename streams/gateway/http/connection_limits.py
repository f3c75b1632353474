"""uvicorn's HTTP protocol, with bounds it lacks: on the head of a request, on clients that vanished.

It also sends the head of an answer together with its body (`joined_writes`).
"""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from streams.gateway.http.joined_writes import JoinedWrites
from streams.runtime.deadline import LOOP_ITERATIONS

HEAD_WITHIN_S = 10.0
VANISHED_MS = 45_000
"""Sent and not acknowledged for so long, a client is gone: without it a stream's heartbeats would wait for
the kernel's own limit, a quarter of an hour, and count as open."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """Closes the connection of a client that does not finish a request's head within HEAD_WITHIN_S seconds.

    The time runs from the connection, and from the first byte of each later request; never while an answer is
    under way or between requests (uvicorn's keep-alive bounds that).
    """

    _head_timer: asyncio.Handle | None = None

    def connection_made(  # type: ignore[override]  # uvicorn narrows the transport itself
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        if sock is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_MS)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Mostly the head was whole, and its answer is under way by now: no timer is made for that. Before an
        # answer is whole, what comes is a body, or waits behind it.
        if self.cycle is None or self.cycle.response_complete:
            self._start_head_timer()

    def on_headers_complete(self) -> None:
        self._stop_head_timer()
        super().on_headers_complete()
        self.cycle.transport = cast("asyncio.Transport", JoinedWrites(self.cycle, self.transport))

    def _start_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self._close_late, LOOP_ITERATIONS)

    def _close_late(self, iterations: int) -> None:
        """Close after so many loop iterations: what has arrived by now is read first."""
        if iterations:
            self._head_timer = self.loop.call_soon(self._close_late, iterations - 1)
        else:
            self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
