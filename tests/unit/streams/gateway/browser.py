"""Browsers with an open event stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from schemas.layouts import Layout
from tests.unit.streams.gateway.house import ANN, House

WITHIN_S = 5.0


class Sent(Struct, frozen=True):
    """One server-sent event; a heartbeat has none of these."""

    event: str = ""
    id: str = ""
    data: str = ""
    retry: str = ""

    def layout(self) -> Layout:
        assert self.event == "layout"
        layout = msgspec.json.decode(self.data, type=Layout)
        assert self.id == layout.layout_id
        return layout


class Browser:
    """Straight on ASGI: httpx waits for the end of an answer."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._started, self._left, self._ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._buffer = b""

    async def receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
            self._started.set()
        else:
            self._chunks.put_nowait(message["body"])
            if not message.get("more_body", False):
                self._ended.set()

    def leave(self) -> None:
        self._left.set()

    async def start(self) -> None:
        """Returns once the answer has begun."""
        async with asyncio.timeout(WITHIN_S):
            await self._started.wait()

    @property
    def ended(self) -> bool:
        """Whether the gateway ended the answer."""
        return self._ended.is_set()

    async def await_end(self, within_s: float = WITHIN_S) -> None:
        """Returns once the gateway ended the answer; TimeoutError when it does not."""
        async with asyncio.timeout(within_s):
            await self._ended.wait()

    async def next(self, within_s: float = WITHIN_S) -> Sent:
        """The next event; TimeoutError when none comes."""
        async with asyncio.timeout(within_s):
            while b"\n\n" not in self._buffer:
                self._buffer += await self._chunks.get()
        text, _, self._buffer = self._buffer.partition(b"\n\n")
        pairs = [line.split(": ", 1) for line in text.decode().splitlines()]
        return Sent(**{name: value for name, value in pairs if name})

    async def hears_nothing(self, for_s: float = 0.1) -> bool:
        """Whether nothing comes for a while."""
        try:
            await self.next(for_s)
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def open_page(
    house: House,
    page: str = "home",
    *,
    last: str = "",
    origin: str = "",
    headers: Mapping[str, str] = {},
    **parameters: Any,
) -> AsyncIterator[Browser]:
    """A browser whose page follows the visitor's layouts, until the block ends."""
    browser = Browser()
    scope = {
        "type": "http", "method": "GET", "path": f"/v1/layouts/{page}/stream", "client": ("127.0.0.1", 4711),
        "query_string": urlencode(
            {name: value for name, value in {"visitor": ANN, **parameters}.items() if value is not None}
        ).encode(),
        "headers": [
            (name.encode(), value.encode())
            for name, value in {"last-event-id": last, "origin": origin, **headers}.items()
            if value
        ],
    }  # fmt: skip
    task = asyncio.ensure_future(house.gateway.app(scope, browser.receive, browser.send))
    try:
        yield browser
    finally:
        browser.leave()
        async with asyncio.timeout(WITHIN_S):
            await task
