"""Probes over a real socket, and the status file."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from schemas.errors import InvalidSetting
from streams.cli import main as cli
from streams.runtime.telemetry import probes
from streams.runtime.telemetry.probes import (
    ProbeServer,
    Readiness,
    Status,
    StatusFile,
    read_status,
    refuse_unwritable,
    write_status,
)


@asynccontextmanager
async def probe_server(readiness: Readiness = Readiness(True)) -> AsyncIterator[str]:  # noqa: B008 - frozen
    server = ProbeServer(readiness=lambda: readiness, metrics=lambda: b"etalage_ready 1.0\n")
    address = await server.start("127.0.0.1", 0)
    yield address
    await server.stop()


async def ask(address: str, request: bytes) -> tuple[int, bytes]:
    """The status code (0: no answer) and the body."""
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    with contextlib.suppress(ConnectionError):
        answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else 0, body


def get(path: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode()


async def test_a_process_that_can_work_is_ready() -> None:
    async with probe_server() as address:
        assert await ask(address, get("/livez")) == (200, b'{"ready":true,"reason":""}')
        assert await ask(address, get("/readyz?verbose")) == (200, b'{"ready":true,"reason":""}')
        assert await ask(address, get("/metrics")) == (200, b"etalage_ready 1.0\n")


async def test_one_that_cannot_says_why_but_lives() -> None:
    async with probe_server(Readiness(False, "the shop was not read yet")) as address:
        code, body = await ask(address, get("/readyz"))
        assert code == 503
        assert b"the shop was not read yet" in body
        assert (await ask(address, get("/livez")))[0] == 200


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (get("/nothing"), 404),
        (get("/livez", "POST"), 405),
        (b"hello\r\n\r\n", 400),
        (b"GET /livez SPDY/9\r\n\r\n", 400),
        (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n", 0),
    ],
)
async def test_a_bad_request_is_answered_or_dropped(request_bytes: bytes, code: int) -> None:
    async with probe_server() as address:
        assert (await ask(address, request_bytes))[0] == code
        assert (await ask(address, get("/livez")))[0] == 200


async def test_head_has_no_body() -> None:
    async with probe_server() as address:
        assert await ask(address, get("/readyz", "HEAD")) == (200, b"")


def test_a_status_file_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "run" / "worker.json"
    assert read_status(path) is None
    status = Status(kind="worker", pid=7, ready=False, probe="127.0.0.1:1", reason="booting")
    write_status(path, status)
    assert read_status(path) == status
    write_status(path, Status(kind="worker", pid=7, ready=True))
    assert read_status(path) == Status(kind="worker", pid=7, ready=True)
    assert [entry.name for entry in path.parent.iterdir()] == ["worker.json"]


def test_a_status_that_cannot_be_written_is_warned_of_once_and_told_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(probes, "log", SimpleNamespace(warning=lambda event, **_: warned.append(event)))
    folder = tmp_path / "run"
    folder.write_text("a file where the folder should be")
    file = StatusFile(str(folder / "worker.json"))
    status = Status(kind="worker", pid=7, ready=True)
    file.tell(status)
    file.tell(status)
    assert warned == ["the status file cannot be written"]
    folder.unlink()
    file.tell(status)
    assert read_status(folder / "worker.json") == status
    assert warned == ["the status file cannot be written", "the status file can be written again"]


def test_a_status_that_stays_as_it_is_gives_a_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "SIGN_EVERY_S", 0.0)
    path = tmp_path / "worker.json"
    file, status = StatusFile(str(path)), Status(kind="worker", pid=7, ready=True)
    file.tell(status)
    os.utime(path, (1, 1))
    file.tell(status)
    assert path.stat().st_mtime > 1
    path.unlink()
    file.tell(status)
    assert read_status(path) == status


@pytest.mark.parametrize("name", ["file/worker.json", "folder"])
def test_a_place_where_no_status_can_be_written_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidSetting, match=f"^ETALAGE_STATUS: {tmp_path / name} cannot be written"):
        refuse_unwritable(str(tmp_path / name))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder"]


def test_a_place_where_one_can_be_written_is_left_as_it_is(tmp_path: Path) -> None:
    refuse_unwritable(None)
    refuse_unwritable(str(tmp_path / "new" / "worker.json"))
    assert not list((tmp_path / "new").iterdir())


@pytest.mark.parametrize("kind", ["worker", "items", "gateway", "shoppers"])
def test_every_process_refuses_it(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETALAGE_STATUS", str(tmp_path))
    with pytest.raises(InvalidSetting, match=r"^ETALAGE_STATUS: "):
        cli.load(kind)(args=[], standalone_mode=False)
