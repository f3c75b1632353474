"""A lean asynchronous HTTP client for tests with thousands of requests, and the shop they are about."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import orjson

from schemas.layouts import Layout
from streams.demo.catalogue import demo_items
from tests.stack import Stack

ITEMS = [item.item_id for item in demo_items(200, at=datetime(2026, 1, 1, tzinfo=UTC))]


def fill_shop(stack: Stack, folder: Path) -> None:
    """Push a small catalogue."""
    file = folder / "items.ndjson"
    items = demo_items(200, at=datetime.now(UTC))
    file.write_bytes(b"\n".join(msgspec.json.encode(item) for item in items))
    stack.run("catalog", "push", str(file))


class HttpClient:
    """One keep-alive connection; one request at a time."""

    def __init__(self, address: str) -> None:
        self._host, port = address.rsplit(":", 1)
        self._port = int(port)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.head = b""
        """Of the last answer, in lower case."""

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
            await self._writer.wait_closed()

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of one answer."""
        assert self._reader is not None
        assert self._writer is not None
        head = f"{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        self.head = answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(answer.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        return int(answer[9:12]), await self._reader.readexactly(length)

    async def post(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The results of posted events."""
        status, body = await self.ask("POST", "/v1/events", orjson.dumps({"events": events}))
        assert status == 200, body
        results: list[dict[str, Any]] = orjson.loads(body)["results"]
        return results

    async def layout(self, visitor: str, page: str = "home", **parameters: object) -> Layout:
        """A layout, which must be valid."""
        query = "&".join(f"{name}={value}" for name, value in {"visitor": visitor, **parameters}.items())
        status, body = await self.ask("GET", f"/v1/layouts/{page}?{query}")
        assert status == 200, body
        return msgspec.json.decode(body, type=Layout)


def view(visitor: str, item: str, message_id: str) -> dict[str, Any]:
    """An event of an anonymous visitor (`visitor` without its prefix)."""
    return {
        "event": "view_item",
        "message_id": message_id,
        "anonymous_id": visitor,
        "timestamp": datetime.now(UTC).isoformat(),
        "properties": {"items": [{"item_id": item}]},
    }
