"""The head of an answer leaves together with its body: one system call and one packet instead of two."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class JoinedWrites:
    """Stands before the transport of one request's cycle.

    uvicorn writes head and body apart, and uvloop sends each at once. The head of an answer whose length is
    known, and that will have a body, waits for the first piece of that; everything else passes at once.

    Args:
        cycle: of the request.
        transport: of its connection.
    """

    __slots__ = ("_cycle", "_head", "_head_passed", "_transport", "is_closing")

    def __init__(self, cycle: RequestResponseCycle, transport: asyncio.Transport) -> None:
        self._cycle, self._transport = cycle, transport
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
        self._transport.write(data)

    def close(self) -> None:
        """As of an asyncio.Transport: what waits is sent before."""
        if self._head is not None:
            self._transport.write(self._head)
            self._head = None
        self._transport.close()
