"""Bytes in and out of ASGI: bodies with a bound, JSON and problem documents."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from streams.gateway.http.problems import PROBLEM_TYPE, Problem
from streams.runtime.deadline import LoopFairDeadline

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

JSON = b"application/json"
BODY_WITHIN_S = 20.0
JOINED_AT_ONCE = 4 << 20
"""Joining more is left to a thread; Python lets go of its lock meanwhile."""


class Gone(Exception):
    """The client left before its request was whole."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body; Problem 413 past `limit` bytes, 408 when it does not come."""
    parts: list[bytes] = []
    size = int(header(scope, b"content-length") or 0)
    try:
        with LoopFairDeadline(asyncio.get_running_loop().time() + BODY_WITHIN_S):
            more = size <= limit
            size = 0 if more else size
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                more = message.get("more_body", False) and size <= limit
    except TimeoutError:
        raise Problem(408, f"the body did not come within {BODY_WITHIN_S:.0f} s") from None
    if size > limit:
        raise Problem(413, f"the body has more than {limit} bytes")
    if size > JOINED_AT_ONCE:
        return await asyncio.to_thread(b"".join, parts)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def header(scope: Scope, name: bytes) -> bytes:
    """The first header of that (lower-case) name, empty when there is none."""
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return b""


async def send_bytes(
    send: Send, body: bytes, *, status: int = 200, kind: bytes = JSON, more: Headers = ()
) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_problem(send: Send, problem: Problem) -> None:
    await send_bytes(
        send,
        problem.body(),
        status=problem.status,
        kind=PROBLEM_TYPE.encode(),
        more=encode_headers(problem.headers),
    )


def encode_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
