"""What one request's answer writes to its connection, and in how many pieces."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from streams.gateway.http.joined_writes import JoinedWrites


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
