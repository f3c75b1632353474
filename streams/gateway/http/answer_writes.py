"""The head of an answer leaves together with its body: one system call and one packet instead of two.

`send_whole` does so for answers of the hot path, whose head is encoded already: uvicorn looks at each header
with two regular expressions, which cost a stored layout as much as reading its request.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

CYCLE = "etalage.cycle"
"""Key of an ASGI scope: uvicorn's cycle of the request, where the server is ours."""
OK = STATUS_LINE[200]


def encode_lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Headers as they stand in a head; ValueError for one that would end its line, or the head."""
    lines = b"".join([b"%b: %b\r\n" % pair for pair in headers])
    if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers):
        raise ValueError("a header has a line break")
    return lines


class DefaultLines:
    """The headers that uvicorn adds to each answer (date, server), encoded once for each list it makes."""

    def __init__(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._lines = b""

    def of(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """The same headers as lines."""
        if headers is not self._headers:  # uvicorn makes a new list every second
            self._headers, self._lines = headers, encode_lines(headers)
        return self._lines


DEFAULT_LINES = DefaultLines()


def send_whole(scope: MutableMapping[str, Any], lines: bytes, body: bytes) -> bool:
    """Answer 200 in one write, where that can be done.

    Args:
        scope: of the request, which is no HEAD.
        lines: the answer's own headers but content-length, by `encode_lines`.
        body: all of it.

    Returns:
        Whether the answer was sent (or nobody is there to take it). False without a server of ours, for a
        connection that has not taken what was written before: `send` waits for that.
    """
    cycle: RequestResponseCycle | None = scope.pop(CYCLE, None)
    if cycle is None or cycle.flow.write_paused or cycle.response_started or cycle.access_log:
        return False
    if cycle.disconnected:
        return True
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    ending = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
    length = b"content-length: %d\r\n" % len(body)
    # Past JoinedWrites; without the two references back nothing is left to the garbage collector.
    transport = cycle.transport = cast("JoinedWrites", cycle.transport).transport
    transport.write(b"".join((OK, DEFAULT_LINES.of(cycle.default_headers), lines, length, ending, body)))
    cycle.message_event.set()
    if not cycle.keep_alive:
        transport.close()
    cycle.on_response()
    return True


class JoinedWrites:
    """Stands before the transport of one request's cycle.

    uvicorn writes head and body apart, and uvloop sends each at once. The head of an answer whose length is
    known, and that will have a body, waits for the first piece of that; everything else passes at once.

    Args:
        cycle: of the request.
        transport: of its connection.
    """

    __slots__ = ("_cycle", "_head", "_head_passed", "is_closing", "transport")

    def __init__(self, cycle: RequestResponseCycle, transport: asyncio.Transport) -> None:
        self._cycle, self.transport = cycle, transport
        self._head: bytes | None = None
        self._head_passed = False
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """As of an asyncio.Transport."""
        if self._head is not None:
            data, self._head = self._head + data, None
        elif not self._head_passed and self._cycle.response_started:
            self._head_passed = True
            if self._cycle.expected_content_length and self._cycle.scope["method"] != "HEAD":
                self._head = data
                return
        if not self.is_closing():
            self.transport.write(data)

    def close(self) -> None:
        """As of an asyncio.Transport: what waits is sent before."""
        if self._head is not None:
            self.transport.write(self._head)
            self._head = None
        self.transport.close()
