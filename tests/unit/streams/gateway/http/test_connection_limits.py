"""A connection whose request head does not come is closed; an answer may take its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from streams.gateway.http import connection_limits
from streams.gateway.http.connection_limits import (
    HEAD_BYTES_MAX,
    HEAD_WITHIN_S,
    HEADERS_MAX,
    PARAMETERS_MAX,
    PATH_BYTES_MAX,
    TARGET_BYTES_MAX,
)
from tests.unit.streams.gateway.http.served import REQUEST, WITHIN_S, answer_ok, read_until_closed, serve


@pytest.mark.parametrize("half", [b"", b"GET /v1/layouts/home HTTP/1.1\r\nhost: te"])
async def test_half_a_head_ends_the_connection(half: bytes) -> None:
    async with serve() as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(half)
        assert await reader.read() == b""
        writer.close()


async def test_a_slow_answer_is_waited_for_and_so_is_the_next_request() -> None:
    async with serve() as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(REQUEST)
            assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(2 * HEAD_WITHIN_S)  # between requests nobody is late
        writer.write(REQUEST[:-2])
        assert await reader.read() == b""
        writer.close()


async def test_half_a_head_behind_a_running_answer_does_not_end_it() -> None:
    async with serve() as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST + REQUEST[:-2])
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        writer.write(REQUEST[-2:])
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_empty_lines_between_requests_do_not_hold_a_connection_open() -> None:
    async with serve() as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await reader.readuntil(b"\r\n\r\nok")
        writer.write(b"\r\n")
        assert await reader.read() == b""
        writer.close()


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with serve() as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield reader, writer
        finally:
            writer.close()


START = REQUEST[:-2]
POST = START.replace(b"GET", b"POST")


@pytest.mark.parametrize(
    "head",
    [
        START + b"x: " + b"a" * HEAD_BYTES_MAX,
        START + b"x: " + b"a" * HEAD_BYTES_MAX + b"\r\n\r\n",
        START + b"x: a\r\n" * HEADERS_MAX + b"\r\n",
    ],
    ids=["unfinished", "one header", "many headers"],
)
async def test_too_large_a_head_is_refused(head: bytes) -> None:
    async with connected() as (reader, writer):
        writer.write(head)
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"status":431' in answer


@pytest.mark.parametrize(
    "target",
    [
        b"/" + b"a" * HEAD_BYTES_MAX,
        b"/demo/" + b"a/" * (PATH_BYTES_MAX // 2),
        b"/v1/layouts/search?q=" + b"%41" * (TARGET_BYTES_MAX // 3),
        b"/v1/layouts/home?" + b"&" * PARAMETERS_MAX,
    ],
    ids=["head", "path", "query", "parameters"],
)
async def test_too_long_a_target_is_refused_before_it_is_read(target: bytes) -> None:
    """Unescaping or splitting 30 kB of it takes a hundred times as long as an answer."""
    async with connected() as (reader, writer):
        writer.write(b"GET %b HTTP/1.1\r\nhost: test\r\n\r\n" % target)
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 414 ")
    assert b'"status":414' in answer


async def test_targets_within_the_bounds_are_taken() -> None:
    async with serve(answer_ok) as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for target in (b"/" + b"a" * (PATH_BYTES_MAX - 1), b"/?q=" + b"&" * (PARAMETERS_MAX - 1)):
            writer.write(b"GET %b HTTP/1.1\r\nhost: test\r\n\r\n" % target)
            assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_trailers_have_the_bounds_of_a_head() -> None:
    """Without an answer: one to the head is under way."""
    async with connected() as (reader, writer):
        writer.write(POST + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n")
        writer.write(b"x: " + b"a" * (1 << 20))  # more than is read at once
        assert await read_until_closed(reader) == b""


async def test_headers_without_end_are_not_kept() -> None:
    sent = 0
    async with connected() as (_, writer):
        writer.write(START)
        with suppress(ConnectionError):
            while sent < 200 << 20:
                writer.write(b"x: " + b"a" * 65_000)
                sent += 65_000
                await writer.drain()
    assert sent < 20 << 20  # what the buffers of the kernel took


async def test_a_body_of_many_small_chunks_is_no_head() -> None:
    async with connected() as (reader, writer):
        writer.write(POST + b"transfer-encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 20_000 + b"0\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")


async def test_too_many_connections_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_limits, "CONNECTIONS_MAX", 1)
    async with serve() as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        late_reader, late_writer = await asyncio.open_connection("127.0.0.1", port)
        answer = await late_reader.read()
        writer.write(REQUEST)
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        for one in (writer, late_writer):
            one.close()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1\r\n" in answer


async def test_many_trailers_are_not_kept() -> None:
    kept = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal kept
        while (await receive()).get("more_body"):
            pass
        kept = len(scope["headers"])
        await answer_ok(scope, receive, send)

    async with serve(app) as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        trailers = b"x: a\r\n" * (3 * HEADERS_MAX)
        writer.write(POST + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n" + trailers + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        writer.close()
    assert kept == HEADERS_MAX


async def test_a_long_body_in_the_same_read_does_not_refuse_its_head() -> None:
    async with serve(answer_ok) as port, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        length = b"content-length: %d\r\n\r\n" % (2 * HEAD_BYTES_MAX)
        writer.write(POST + length + b"a" * (2 * HEAD_BYTES_MAX))
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        writer.close()
