"""Bytes in and out of ASGI: bodies with a bound, JSON and problem documents."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from streams.gateway.http.problems import PROBLEM_TYPE, Problem
from streams.gateway.http.requests.encodings import inflate
from streams.runtime.deadline import LoopFairDeadline

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

JSON = b"application/json"
BODY_WITHIN_S = 20.0
JOINED_AT_ONCE = 4 << 20
"""Bytes joined in the loop (about a millisecond); more is left to a thread, without Python's lock."""


BODIES_BYTES_MAX = 256 << 20
_BODY_BYTES = "etalage.body_bytes"
"""Key of a scope: how many bytes of its body are counted."""


class BodyBudget:
    """How many bytes of bodies this process holds at once: what arrived of each request until it is answered.

    Args:
        limit: bytes; past it a request is refused.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.held = 0

    def take(self, scope: Scope, size: int) -> None:
        """Counts bytes of a request's body; raises Problem 503 when they are too many."""
        self.held += size
        scope[_BODY_BYTES] = scope.get(_BODY_BYTES, 0) + size
        if self.held > self._limit:
            raise Problem(503, "too much is being uploaded at once", headers={"retry-after": "1"})

    def release(self, scope: Scope) -> None:
        """The request is answered: its body counts no longer."""
        self.held -= scope.pop(_BODY_BYTES, 0)


BODIES = BodyBudget(BODIES_BYTES_MAX)
"""Of this process."""


class ClientDisconnected(Exception):
    """The client left before its request was whole; there is nobody to answer."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body of a request, inflated when it came compressed.

    Args:
        scope: its `content-length` refuses a body that is too long before it is read.
        receive: of the ASGI request.
        limit: bytes allowed, compressed and inflated.

    Raises:
        Problem: 413 past `limit`, 415 and 400 for a coding that is not taken or not that of the body, 408 when the body is not whole after BODY_WITHIN_S seconds, 503 past
            BODIES_BYTES_MAX of all requests.
        ClientDisconnected: the client left meanwhile.
    """
    parts: list[bytes] = []
    size = int(header(scope, b"content-length") or 0)
    try:
        with LoopFairDeadline(asyncio.get_running_loop().time() + BODY_WITHIN_S):
            more = size <= limit
            size = 0 if more else size
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnected
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                BODIES.take(scope, len(parts[-1]))
                more = message.get("more_body", False) and size <= limit
    except TimeoutError:
        raise Problem(408, f"the body did not come within {BODY_WITHIN_S:.0f} s") from None
    if size > limit:
        raise Problem(413, f"the body has more than {limit} bytes")
    coding = header(scope, b"content-encoding")
    if coding or size > JOINED_AT_ONCE:
        body = await asyncio.to_thread(_join, parts, coding, limit)
        BODIES.take(scope, max(0, len(body) - size))
        return body
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _join(parts: list[bytes], coding: bytes, limit: int) -> bytes:
    body = b"".join(parts)
    return inflate(body, coding, limit) if coding else body


def header(scope: Scope, name: bytes) -> bytes:
    """The first header of that (lower-case) name, empty when there is none."""
    for key, value in scope["headers"]:
        if key == name:
            first: bytes = value
            return first
    return b""


async def send_bytes(
    send: Send, body: bytes, *, status: int = 200, content_type: bytes = JSON, headers: Headers = ()
) -> None:
    """A whole answer; `headers` are sent beside content-type and content-length."""
    whole = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": whole})
    await send({"type": "http.response.body", "body": body})


async def send_problem(send: Send, problem: Problem) -> None:
    """The problem's document, with its status and headers, as the whole answer."""
    await send_bytes(
        send,
        problem.body(),
        status=problem.status,
        content_type=PROBLEM_TYPE.encode(),
        headers=encode_headers(problem.headers),
    )


def encode_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI wants them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
