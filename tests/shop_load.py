"""Steady load on a shop, and what became of each request: for tests and benchmarks of restarts.

Shoppers keep a connection each and use it as HTTP/1.1 says: anew after `connection: close`, or when the
server ended it between two requests. Others come for a single request on a connection of their own. Requests
are due at fixed times (open loop); a late answer does not make the next one late.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import orjson
from msgspec import Struct

from schemas.ids import Version

SHOPPERS = 16
EVERY_S = 0.1
"""Between two requests of one shopper, and between two newcomers."""
POST_EACH = 5
"""Every so-manieth request of a shopper is a POST of one event."""
ANSWER_WITHIN_S = 15.0
ITEM = "demo-1"


class Request(Struct, frozen=True):
    """One request: when it was due (monotonic s), how long until its answer was whole, how it ended.

    `outcome` is `ok`, a status other than 200, or the name of what failed.
    """

    method: str
    due: float
    seconds: float
    outcome: str


class ShopLoad:
    """Load on the shop at `address`; `requests` grows, `tokens` are the versions of accepted events."""

    def __init__(self, address: str, *, answer_within_s: float = ANSWER_WITHIN_S) -> None:
        self._host, _, port = address.rpartition(":")
        self._port, self._answer_within_s = int(port), answer_within_s
        self.requests: list[Request] = []
        self.tokens: list[Version] = []
        self._stopping = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send while the context is open; what is under way at its end is finished."""
        senders = [asyncio.create_task(self._shop(f"load-{n}", n)) for n in range(SHOPPERS)]
        senders.append(asyncio.create_task(self._come_once()))
        try:
            yield
        finally:
            self._stopping.set()
            await asyncio.gather(*senders)

    def failed(self) -> Counter[str]:
        """How many requests were not answered 200, by what became of them."""
        return Counter(f"{r.method} {r.outcome}" for r in self.requests if r.outcome != "ok")

    def latencies_ms(self, method: str = "GET") -> list[float]:
        """Of all requests of a method, failed ones included, from when they were due."""
        return [r.seconds * 1000 for r in self.requests if r.method == method]

    async def _due_times(self, first: float) -> AsyncIterator[float]:
        due = time.monotonic() + first
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, due - time.monotonic())):
                    await self._stopping.wait()
                    return
            yield due
            due += EVERY_S

    async def _shop(self, name: str, number: int) -> None:
        connection = Connection(self._host, self._port)
        count = 0
        async for due in self._due_times(EVERY_S * number / SHOPPERS):
            count += 1
            if count % POST_EACH:
                await self._get(connection, name, due)
            else:
                await self._post(connection, name, due)
        connection.close()

    async def _come_once(self) -> None:
        """Newcomers: each has a connection of its own, and the last one need not be answered yet."""
        async with asyncio.TaskGroup() as group:
            count = 0
            async for due in self._due_times(0.0):
                count += 1
                connection = Connection(self._host, self._port)
                group.create_task(self._get(connection, f"new-{count}", due, last=True))

    async def _get(self, connection: Connection, name: str, due: float, *, last: bool = False) -> None:
        await self._record("GET", due, connection.ask("GET", f"/v1/layouts/home?visitor=a:{name}"))
        if last:
            connection.close()

    async def _post(self, connection: Connection, name: str, due: float) -> None:
        answer = await self._record("POST", due, connection.ask("POST", "/v1/events", _body(name)))
        if answer is not None:
            self.tokens.append(_token(answer))

    async def _record(self, method: str, due: float, asking: Any) -> bytes | None:
        """The body of a 200; None for all else."""
        body: bytes | None = None
        try:
            async with asyncio.timeout(self._answer_within_s):
                status, body = await asking
            outcome = "ok" if status == 200 else str(status)
        except (OSError, EOFError, TimeoutError) as exc:
            outcome = type(exc).__name__
        self.requests.append(Request(method, due, time.monotonic() - due, outcome))
        return body if outcome == "ok" else None


class Connection:
    """One client's connection, opened when it is needed."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body; raises OSError or EOFError when the connection fails before they are whole."""
        if self._streams is not None and self._streams[0].at_eof():
            self.close()  # ended between two requests, as a server may
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        try:
            head = f"{method} {path} HTTP/1.1\r\nhost: shop\r\ncontent-length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(answer.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            content = await reader.readexactly(length)
        except BaseException:
            self.close()
            raise
        if b"connection: close" in answer:
            self.close()
        return int(answer[9:12]), content

    @property
    def is_open(self) -> bool:
        """Whether the next request goes over the same connection."""
        return self._streams is not None

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def post_view(connection: Connection, name: str) -> Version:
    """Post an event of an anonymous visitor, which must be accepted; its token."""
    status, answer = await connection.ask("POST", "/v1/events", _body(name))
    assert status == 200, answer
    return _token(answer)


async def ask_version(connection: Connection, name: str) -> Version | None:
    """The version of the visitor's home page; None while it has none."""
    status, answer = await connection.ask("GET", f"/v1/layouts/home?visitor=a:{name}")
    assert status == 200, answer
    text = orjson.loads(answer)["version"]
    return Version.parse(text) if text else None


def _token(answer: bytes) -> Version:
    return Version.parse(orjson.loads(answer)["results"][0]["token"])


def _body(name: str) -> bytes:
    return orjson.dumps({"events": [_view(name)]})


def _view(visitor: str) -> dict[str, Any]:
    return {
        "event": "view_item",
        "message_id": uuid.uuid4().hex,
        "anonymous_id": visitor,
        "timestamp": datetime.now(UTC).isoformat(),
        "properties": {"items": [{"item_id": ITEM}]},
    }
