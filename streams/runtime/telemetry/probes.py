"""Probes and the status file of a process that has no web server of its own.

/livez says the loop turns, /readyz whether work can be done (and why not), /metrics what happened.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from errno import EDQUOT, EISDIR, ENOSPC
from pathlib import Path

import msgspec
from msgspec import Struct

from schemas.errors import InvalidSetting
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.told import LogOnce

log = logger("status")

READ_WITHIN_S = 5.0
SIGN_EVERY_S = 1.0
"""A status file is touched so often: who does not is taken for one that hangs."""
HEAD_BYTES_MAX = 8192
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Readiness(Struct, frozen=True):
    """Whether the process can do its work; `reason` is one line for a person."""

    ready: bool
    reason: str = ""


def untroubled(*troubles: str) -> Readiness:
    """Ready, unless one of them is not empty; the first such is the reason."""
    return next((Readiness(False, trouble) for trouble in troubles if trouble), Readiness(True))


class Status(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a process tells its supervisor in its status file; addresses are `host:port`."""

    kind: str
    pid: int
    ready: bool
    probe: str | None = None
    address: str | None = None
    reason: str | None = None


class _Answer(Struct, frozen=True):
    code: int
    body: bytes
    kind: str = "application/json"


_PHRASES = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Not Allowed", 503: "Unavailable"}


class ProbeServer:
    """A small HTTP/1.1 server for three paths; one request a connection."""

    def __init__(
        self,
        *,
        readiness: Callable[[], Readiness],
        metrics: Callable[[], bytes],
        alive: Callable[[], Readiness] = lambda: Readiness(True),
    ) -> None:
        self._paths: dict[str, Callable[[], _Answer]] = {
            "/livez": lambda: _said(alive()),
            "/readyz": lambda: _said(readiness()),
            "/metrics": lambda: _Answer(200, metrics(), METRICS_TYPE),
        }
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> str:
        """Listen; the `host:port` really taken (port 0 takes a free one)."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=HEAD_BYTES_MAX)
        taken = self._server.sockets[0].getsockname()
        return f"{host}:{taken[1]}"

    async def stop(self) -> None:
        """Stop listening; a request under way is cut."""
        if self._server is None:
            return
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_http(self._answer(head), with_body=not head.startswith(b"HEAD ")))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # a peer that does not speak to the end gets no answer
        finally:
            writer.close()

    def _answer(self, head: bytes) -> _Answer:
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _Answer(400, b'{"detail":"not HTTP/1.1"}')
        if words[0] not in (b"GET", b"HEAD"):
            return _Answer(405, b'{"detail":"GET or HEAD only"}')
        path = self._paths.get(words[1].split(b"?")[0].decode("latin-1"))
        return path() if path else _Answer(404, b'{"detail":"there are /livez, /readyz and /metrics"}')


def write_status(path: str | Path, status: Status) -> None:
    """Replace the status file in one step: a reader sees the old or the new one, never half of it."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.write_bytes(msgspec.json.encode(status))
    draft.replace(target)


def refuse_unwritable(path: str | None) -> None:
    """InvalidSetting when no status file can be written there; a full disk may be less full later."""
    if path is None:
        return
    draft = Path(path).with_name(f".{Path(path).name}.{os.getpid()}")
    try:
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.touch()
        draft.unlink()
        if Path(path).is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
    except OSError as exc:
        if exc.errno not in (ENOSPC, EDQUOT):
            raise InvalidSetting(
                f"ETALAGE_STATUS: {path} cannot be written ({exc.strerror}); name a file that can be"
            ) from exc


class StatusFile:
    """What a process tells its supervisor, written when it changed; None: there is nobody to tell.

    In between the file's time is the sign of life. A disk that is full is no reason to stop: it is warned of
    once, and what is to be told is told later.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._told: Status | None = None
        self._signed_at = float("-inf")
        self._hindered = LogOnce()

    def owes(self, status: Status) -> bool:
        """Whether `tell` has something to do."""
        return self._path is not None and (status != self._told or self._sign_is_due())

    def tell(self, status: Status) -> None:
        """To be called again and again, from where it shows that work goes on."""
        if self._path is None:
            return
        if self._sign_is_due():
            self._sign(self._path)
        if status == self._told:
            return
        try:
            write_status(self._path, status)
        except OSError as exc:
            if self._hindered.begins():
                log.warning("the status file cannot be written", path=self._path, why=exc.strerror)
        else:
            self._told = status
            if self._hindered.ends():
                log.warning("the status file can be written again", path=self._path)

    def _sign_is_due(self) -> bool:
        return time.monotonic() - self._signed_at >= SIGN_EVERY_S

    def _sign(self, path: str) -> None:
        self._signed_at = time.monotonic()
        try:
            os.utime(path)
        except OSError:  # not there yet, or no more
            self._told = None


def read_status(path: str | Path) -> Status | None:
    """The status that stands in `path`; None when there is none yet."""
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Status)
    except FileNotFoundError:
        return None


def _said(readiness: Readiness) -> _Answer:
    return _Answer(200 if readiness.ready else 503, msgspec.json.encode(readiness))


def _http(answer: _Answer, *, with_body: bool) -> bytes:
    head = (
        f"HTTP/1.1 {answer.code} {_PHRASES[answer.code]}\r\ncontent-type: {answer.kind}\r\n"
        f"content-length: {len(answer.body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + (answer.body if with_body else b"")
