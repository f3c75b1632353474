"""What one request's answer writes to its connection, and in how many pieces."""

from __future__ import annotations

import asyncio
import gc
import weakref
from types import SimpleNamespace
from typing import Any, cast

import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from streams.gateway.http.answer_writes import CYCLE, DefaultLines, JoinedWrites, encode_lines, send_whole


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def open_answer(method: str = "GET", **flow: Any) -> tuple[Wire, RequestResponseCycle]:
    """A request's cycle as uvicorn makes it, over a wire."""
    wire = Wire()
    cycle = RequestResponseCycle(
        scope=cast("Any", {"method": method}),
        transport=cast("asyncio.Transport", wire),
        flow=cast("Any", SimpleNamespace(write_paused=False, resume_reading=lambda: None)),
        logger=cast("Any", None),
        access_logger=cast("Any", None),
        access_log=False,
        default_headers=[],
        message_event=asyncio.Event(),
        expect_100_continue=flow.pop("expect", False),
        keep_alive=flow.pop("keep_alive", True),
        on_response=lambda: None,
    )
    cycle.transport = cast("asyncio.Transport", JoinedWrites(cycle, cast("asyncio.Transport", wire)))
    return wire, cycle


async def start(cycle: RequestResponseCycle, *headers: tuple[bytes, bytes]) -> None:
    await cycle.send({"type": "http.response.start", "status": 200, "headers": list(headers)})


async def send(cycle: RequestResponseCycle, body: bytes, *, more: bool = False) -> None:
    await cycle.send({"type": "http.response.body", "body": body, "more_body": more})


async def test_head_and_body_leave_together() -> None:
    wire, cycle = open_answer()
    await start(cycle, (b"content-length", b"4"))
    assert wire.written == []
    await send(cycle, b"ab", more=True)
    await send(cycle, b"cd")
    assert wire.written == [b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab", b"cd"]


@pytest.mark.parametrize(
    ("method", "headers"),
    [("GET", []), ("HEAD", [(b"content-length", b"4")]), ("GET", [(b"content-length", b"0")])],
)
async def test_a_head_that_no_body_follows_soon_leaves_at_once(
    method: str, headers: list[tuple[bytes, bytes]]
) -> None:
    wire, cycle = open_answer(method)
    await start(cycle, *headers)
    assert len(wire.written) == 1
    assert wire.written[0].endswith(b"\r\n\r\n")


async def test_what_precedes_the_head_passes() -> None:
    wire, cycle = open_answer(expect=True)
    cycle.message_event.set()
    await cycle.receive()
    assert wire.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    await start(cycle, (b"content-length", b"1"))
    await send(cycle, b"x")
    assert len(wire.written) == 2


async def test_a_head_without_its_body_is_sent_before_the_connection_is_closed() -> None:
    wire, cycle = open_answer()
    await start(cycle, (b"content-length", b"4"))
    cycle.transport.close()
    assert len(wire.written) == 1
    assert wire.closed
    assert cycle.transport.is_closing()


async def test_the_last_answer_of_a_connection_is_whole_when_it_is_closed() -> None:
    wire, cycle = open_answer(keep_alive=False)
    await start(cycle, (b"content-length", b"1"))
    await send(cycle, b"x")
    assert wire.written[0].endswith(b"\r\n\r\nx")
    assert wire.closed


LINES = encode_lines([(b"content-type", b"text/plain")])
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"


async def test_a_whole_answer_is_one_write_and_ends_the_request() -> None:
    wire, cycle = open_answer()
    ended: list[bool] = []
    cycle.on_response = lambda: ended.append(cycle.response_complete)
    assert send_whole({CYCLE: cycle}, LINES, b"ok")
    assert wire.written == [WHOLE]
    assert ended == [True]
    assert await cycle.receive() == {"type": "http.disconnect"}


async def test_a_whole_answer_is_what_uvicorn_would_send() -> None:
    wire, cycle = open_answer()
    await start(cycle, (b"content-type", b"text/plain"), (b"content-length", b"2"))
    await send(cycle, b"ok")
    assert b"".join(wire.written) == WHOLE


async def test_the_last_whole_answer_says_so_and_closes() -> None:
    wire, cycle = open_answer(keep_alive=False)
    assert send_whole({CYCLE: cycle}, LINES, b"ok")
    assert b"\r\nconnection: close\r\n\r\nok" in wire.written[0]
    assert wire.closed


async def test_a_client_that_left_gets_nothing() -> None:
    wire, cycle = open_answer()
    cycle.disconnected = True
    assert send_whole({CYCLE: cycle}, LINES, b"ok")
    assert wire.written == []


async def test_a_connection_that_takes_no_more_waits_in_send() -> None:
    wire, cycle = open_answer()
    cycle.flow.write_paused = True
    assert not send_whole({CYCLE: cycle}, LINES, b"ok")
    assert not cycle.response_started
    assert wire.written == []


def test_without_our_server_nothing_is_sent() -> None:
    assert not send_whole({}, LINES, b"ok")


@pytest.mark.parametrize("header", [(b"a", b"b\r\nc: d"), (b"a\n", b"b"), (b"a", b"b\rc")])
def test_a_header_with_a_line_break_is_refused(header: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="line break"):
        encode_lines([header])


def test_default_headers_are_encoded_again_when_uvicorn_makes_new_ones() -> None:
    lines = DefaultLines()
    assert lines.of([(b"date", b"1")]) == b"date: 1\r\n"
    assert lines.of([(b"date", b"2")]) == b"date: 2\r\n"


async def test_a_whole_answer_leaves_nothing_to_the_garbage_collector() -> None:
    _, cycle = open_answer()
    scope = {CYCLE: cycle}
    cycle.scope = cast("Any", scope)
    gone = weakref.ref(cycle)
    send_whole(scope, LINES, b"ok")
    gc.disable()
    try:
        del cycle
        assert gone() is None
    finally:
        gc.enable()
