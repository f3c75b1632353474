"""Raw bytes on a connection: each gets a whole HTTP answer or its end, and what is kept of it is bounded."""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise
from typing import Any

import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.gateway.http.connection_limits import HEAD_BYTES_MAX, EndingState, LimitedHttpProtocol

GOOD = b"GET /v1/layouts/home?visitor=a:1 HTTP/1.1\r\nhost: shop\r\n\r\n"
STATUS = re.compile(rb"HTTP/1\.1 (200|400|414|431) ")
PIECES = [
    b"GET ",
    b"POST ",
    b"/",
    b"/v1/events",
    b"?a=%",
    b" HTTP/1.1",
    b" HTTP/9.9",
    b" HTTP/0.9",
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"host: x",
    b"content-length: 5",
    b"content-length: -1",
    b"content-length: 9" + b"9" * 40,
    b"transfer-encoding: chunked",
    b"transfer-encoding: gzip",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"connection: upgrade",
    b"upgrade: websocket",
    b"expect: 100-continue",
    b"\x00",
    b"\xff\xfe",
    b": ",
    b"x" * 3000,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00",
]


class Transport(asyncio.Transport):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent, self.closed = b"", False

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """Whoever sends here sends no more than there is."""

    resume_reading = pause_reading


async def _app(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    assert all(isinstance(part, bytes) for pair in scope["headers"] for part in pair)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def _feed(pieces: list[bytes]) -> tuple[Transport, LimitedHttpProtocol]:
    config = uvicorn.Config(_app, http=LimitedHttpProtocol, ws="none", lifespan="off", log_config=None)
    config.load()
    protocol = LimitedHttpProtocol(config, EndingState(), {})
    transport, failures = Transport(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    protocol.connection_made(transport)
    for piece in pieces:
        if transport.closed:  # the kernel delivers nothing more
            break
        protocol.data_received(piece)
        await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
    protocol.connection_lost(None)
    await asyncio.sleep(0)
    assert failures == []
    return transport, protocol


def check(pieces: list[bytes]) -> bytes:
    transport, protocol = asyncio.run(_feed(pieces))
    if transport.sent:
        assert STATUS.match(transport.sent), transport.sent[:80]
    assert protocol._head_bytes <= HEAD_BYTES_MAX + max(map(len, pieces), default=0)
    assert b"Traceback" not in transport.sent
    return transport.sent


@settings(max_examples=80)
@given(st.lists(st.binary(max_size=400), max_size=6))
def test_any_bytes(pieces: list[bytes]) -> None:
    check(pieces)


@settings(max_examples=100)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join), st.integers(1, 5000))
def test_heads_of_wrong_parts_however_they_are_cut(head: bytes, size: int) -> None:
    check([head[start : start + size] for start in range(0, len(head), size)])


@settings(max_examples=80)
@given(st.data())
def test_a_head_damaged_anywhere(data: st.DataObject) -> None:
    head = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        head[data.draw(st.integers(0, len(head) - 1))] = data.draw(st.integers(0, 255))
    check([bytes(head)])


@given(st.lists(st.integers(1, len(GOOD) - 1), max_size=6, unique=True))
def test_a_good_head_is_answered_however_it_is_cut(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(GOOD)]
    sent = check([GOOD[start:end] for start, end in pairwise(ends)])
    assert sent.startswith(b"HTTP/1.1 200 ")
    assert sent.endswith(b"\r\n\r\nok")


def test_two_lengths_are_refused() -> None:
    """What one server reads as a body and the next as a request is how requests are smuggled."""
    for lines in (
        b"content-length: 4\r\ncontent-length: 5\r\n",
        b"content-length: 4\r\ntransfer-encoding: chunked\r\n",
        b"transfer-encoding: chunked\r\ncontent-length: 4\r\n",
        b"content-length: +4\r\n", b"content-length: 0x4\r\n", b"content-length : 4\r\n",
        b"transfer-encoding: chunked, identity\r\n", b" folded: 1\r\n",
    ):  # fmt: skip
        sent = check([b"POST /v1/events HTTP/1.1\r\nhost: shop\r\n" + lines + b"\r\nabcd"])
        assert sent.startswith(b"HTTP/1.1 400 "), lines
