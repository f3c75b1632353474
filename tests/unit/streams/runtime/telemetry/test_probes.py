"""Probes over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket

import pytest

from streams.runtime.telemetry import probes
from streams.runtime.telemetry.metrics import CONTENT_TYPE
from streams.runtime.telemetry.probes import ProbeApp, Readiness, readiness_of, serve_probes

READY = Readiness(True)


def app(readiness: Readiness = READY) -> ProbeApp:
    return ProbeApp(readiness=lambda: readiness, metrics=lambda: b"etalage_ready 1.0\n")


async def ask(address: str, request: bytes) -> tuple[bytes, bytes]:
    """Head and body of the answer, to the end of the connection; both empty when it is cut."""
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    answer = b""
    with contextlib.suppress(ConnectionError):
        writer.write(request)
        answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.lower(), body


def code_of(head: bytes) -> int:
    """The status code, 0 when there was no answer."""
    return int(head.split()[1]) if head else 0


def get(path: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode()


async def test_a_process_that_can_work_is_ready() -> None:
    async with serve_probes(app(), "127.0.0.1", 0) as address:
        for path in ("/livez", "/readyz", "/readyz?verbose"):
            head, body = await ask(address, get(path))
            assert (code_of(head), body) == (200, b'{"ready":true,"reason":""}')
            assert b"\r\ncontent-type: application/json\r\n" in head
            assert b"\r\ncache-control: no-store" in head
        head, body = await ask(address, get("/metrics"))
        assert (code_of(head), body) == (200, b"etalage_ready 1.0\n")
        assert f"\r\ncontent-type: {CONTENT_TYPE}\r\n".encode().lower() in head


async def test_one_that_cannot_says_why_but_lives() -> None:
    async with serve_probes(app(Readiness(False, "the shop was not read yet")), "127.0.0.1", 0) as address:
        head, body = await ask(address, get("/readyz"))
        assert code_of(head) == 503
        assert b"the shop was not read yet" in body
        assert code_of((await ask(address, get("/livez")))[0]) == 200


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (get("/nothing"), 404),
        (get("/livez", "POST"), 405),
        (b"hello\r\n\r\n", 400),
        (b"GET /livez SPDY/9\r\n\r\n", 400),
    ],
)
async def test_a_bad_request_is_answered(request_bytes: bytes, code: int) -> None:
    async with serve_probes(app(), "127.0.0.1", 0) as address:
        assert code_of((await ask(address, request_bytes))[0]) == code
        assert code_of((await ask(address, get("/livez")))[0]) == 200


async def test_a_head_without_end_is_refused() -> None:
    async with serve_probes(app(), "127.0.0.1", 0) as address:
        head, _ = await ask(address, b"GET /" + b"x" * (64 * probes.HEAD_BYTES_MAX))
        assert code_of(head) in (0, 400)  # cut while it was still sent, or told
        assert code_of((await ask(address, get("/livez")))[0]) == 200


async def test_a_connection_that_asks_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "WITHIN_S", 0.01)
    async with serve_probes(app(), "127.0.0.1", 0) as address:
        assert await ask(address, b"GET /livez HT") == (b"", b"")


async def test_head_has_no_body() -> None:
    async with serve_probes(app(), "127.0.0.1", 0) as address:
        head, body = await ask(address, get("/readyz", "HEAD"))
        assert (code_of(head), body) == (200, b"")


async def test_the_address_given_is_listened_on_and_free_again_afterwards() -> None:
    async with serve_probes(app(), "127.0.0.1", 0) as address:
        port = int(address.split(":")[1])
        with pytest.raises(OSError, match="in use"):
            async with serve_probes(app(), "127.0.0.1", port):
                pytest.fail("two servers on one port")
    socket.create_server(("127.0.0.1", port)).close()


async def test_signals_stay_with_the_process() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with serve_probes(app(), "127.0.0.1", 0) as address:
        await ask(address, get("/livez"))
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_the_first_reason_that_is_not_empty_counts() -> None:
    assert readiness_of("", "") == READY
    assert readiness_of("", "Redis: away", "Kafka: away") == Readiness(False, "Redis: away")
