"""uvicorn's HTTP protocol, with bounds it lacks: on heads, on connections, on clients that vanished.

It also sends the head of an answer together with its body (`answer_writes`), and ends connections without a
request being lost (`EndingState`).
"""

from __future__ import annotations

import asyncio
import socket
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from streams.gateway.access.answer_headers import CSP_DATA, NOSNIFF
from streams.gateway.http.answer_writes import CYCLE, JoinedWrites
from streams.gateway.http.limits.client_address import PeerConnections
from streams.gateway.http.problems import PROBLEM_TYPE, Problem
from streams.runtime.deadline import LOOP_ITERATIONS

HEAD_WITHIN_S = 10.0
HEAD_BYTES_MAX = 32 * 1024
"""Of request line and headers, and of the trailers of a chunked body. Proxies allow 8 to 64 kB."""
HEADERS_MAX = 100
PATH_BYTES_MAX = 1024
TARGET_BYTES_MAX = 8 * 1024
"""Of a request line's path, and of path and query: escaped, a query of ours has 6 kB at most. A longer one
would be unescaped and split for milliseconds before anybody asks who sent it."""
PARAMETERS_MAX = 64
PIPELINED_MAX = 16
"""Requests of one connection that wait behind an answer. One read may bring thousands, of 30 kB each in
memory; browsers and proxies send none."""
WAITING_BODY_BYTES_MAX = 16 * 1024
"""Of a request that waits behind an answer, which may be a stream: nobody reads its body until then."""
CONNECTIONS_MAX = 10_000
"""Each takes some 20 kB; the streams among them have a bound of their own (`streams_max`)."""
TCP_FAMILIES = (socket.AF_INET, socket.AF_INET6)
VANISHED_MS = 45_000
"""Sent and not acknowledged for so long, a client is gone: without it a stream's heartbeats would wait for
the kernel's own limit, a quarter of an hour, and count as open."""


class HeadTooLarge(Exception):
    """A request's head, or the trailers of its body, are over a bound; answered 431."""


class EndingState(ServerState):
    """What all connections of a server share; while it is `ending` each answer says `connection: close`.

    A client may be sending on a connection that waits for requests; closing that would lose the request.
    """

    ending = False
    peers: PeerConnections | None = None
    """Counts connections by address; None: any may have as many as there may be."""
    connections_max: int | None = None
    """How many this process has file descriptors for; None: CONNECTIONS_MAX."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """Closes the connection of a client that does not finish a request's head within HEAD_WITHIN_S seconds.

    It closes, too, one whose head has more than HEAD_BYTES_MAX bytes or HEADERS_MAX headers (431), or whose
    target is too long or has more than PARAMETERS_MAX parameters (414), those beyond CONNECTIONS_MAX (503),
    and, without an answer, one with more than PIPELINED_MAX requests waiting or a long body among them.

    The time runs from the connection, and from the first byte of each later request; never while an answer is
    under way or between requests (uvicorn's keep-alive bounds that).
    """

    url = b""
    """Of the request that came last; uvicorn sets it with the first byte of each."""
    _head_timer: asyncio.Handle | None = None
    _head_bytes = 0
    """Received since the parser last completed a head, a piece of a body or a request: all that it and
    uvicorn keep of an unfinished head or trailer."""
    _too_large = False
    _peer: str | None = None
    """The address that this connection is counted for."""
    _answered: RequestResponseCycle | None = None
    """The request that is being answered, or was last."""

    def connection_made(  # type: ignore[override]  # uvicorn narrows the transport itself
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        if not self._has_room():
            self._refuse(503, "too many connections: try again in a moment", retry_after=1)
            return
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in TCP_FAMILIES and hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_MS)
        self._start_head_timer()

    def _has_room(self) -> bool:
        """Whether this process and the client's address may have one more connection; then it is counted."""
        state = self.server_state
        if not isinstance(state, EndingState):
            return len(self.connections) <= CONNECTIONS_MAX
        if len(self.connections) > (state.connections_max or CONNECTIONS_MAX):
            return False
        if state.peers is None or self.client is None:
            return True
        self._peer = state.peers.add(self.client[0])
        return self._peer is not None

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        if self._peer is not None and isinstance(self.server_state, EndingState) and self.server_state.peers:
            self.server_state.peers.remove(self._peer)
            self._peer = None
        super().connection_lost(exc)
        # uvicorn tells the newest request alone, which may be one that waits behind the one that is answered.
        for cycle in (self._answered, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        self._answered = None

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
            self._refuse_head()
            return
        # Mostly the head was whole, and its answer is under way by now: no timer is made for that. Before an
        # answer is whole, what comes is a body, or waits behind it.
        if self.cycle is None or self.cycle.response_complete:
            self._start_head_timer()

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        if self.pipeline and len(self.cycle.body) + len(body) > WAITING_BODY_BYTES_MAX:
            self.transport.close()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        del self.headers[HEADERS_MAX:]  # trailers came
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        self._stop_head_timer()
        if (
            len(self.headers) > HEADERS_MAX
            or (self._head_bytes > HEAD_BYTES_MAX and self._head_is_too_large())
            or (len(self.url) > PARAMETERS_MAX and self._target_is_too_long())
        ):
            self._too_large = True
            raise HeadTooLarge
        if len(self.pipeline) >= PIPELINED_MAX:
            self._too_large = True  # an answer is under way, so the connection is closed without another
            raise HeadTooLarge
        self._head_bytes = 0
        super().on_headers_complete()
        self.cycle.transport = cast("asyncio.Transport", JoinedWrites(self.cycle, self.transport))
        self.scope[CYCLE] = self.cycle  # type: ignore[literal-required]  # for `send_whole`
        if isinstance(self.server_state, EndingState) and self.server_state.ending:
            self.cycle.keep_alive = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def end_with_answer(self) -> None:
        """Close after the answer under way, if any, which says so if it was not begun."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn for whatever the parser raised, our own refusal included."""
        if self._too_large:
            self._refuse_head()
        else:
            super().send_400_response(msg)

    def _head_is_too_large(self) -> bool:
        """By itself: what was received may be another request's, or a body."""
        if self._head_bytes <= HEAD_BYTES_MAX:
            return False
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES_MAX

    def _target_is_too_long(self) -> bool:
        path, _, query = self.url.partition(b"?")
        too_long = len(path) > PATH_BYTES_MAX or len(self.url) > TARGET_BYTES_MAX
        return too_long or query.count(b"&") >= PARAMETERS_MAX

    def _refuse_head(self) -> None:
        """Answers 431 or 414, unless an answer is under way: its connection is closed without a word."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()
        elif self._target_is_too_long():
            bounds = f"{PATH_BYTES_MAX} bytes of path, {TARGET_BYTES_MAX} in all, {PARAMETERS_MAX} parameters"
            self._refuse(414, f"a target has at most {bounds}")
        else:
            self._refuse(431, f"a head has at most {HEAD_BYTES_MAX} bytes and {HEADERS_MAX} headers")

    def _refuse(self, status: int, detail: str, *, retry_after: int | None = None) -> None:
        """Answers a problem and closes: what else the client sends is not read."""
        body = Problem(status, detail).body()
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            f"content-type: {PROBLEM_TYPE}",
            f"content-length: {len(body)}",
            "connection: close",
            *(f"{name.decode()}: {value.decode()}" for name, value in (NOSNIFF, CSP_DATA)),
            *([] if retry_after is None else [f"retry-after: {retry_after}"]),
        ]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()

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
