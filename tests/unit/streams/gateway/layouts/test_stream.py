"""Server-sent events: the current layout first, then each change, nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from schemas.layouts import Layout
from streams.gateway.http.problems import PROBLEM_TYPE
from streams.gateway.layouts.stream import READ_AT_ONCE
from tests.unit.streams.gateway.house import ANN, House, looked_at, opened

WITHIN_S = 5.0


class Sent(Struct, frozen=True):
    """One server-sent event; a heartbeat has none of these."""

    event: str = ""
    id: str = ""
    data: str = ""


class Page:
    """A browser with an open stream, straight on ASGI (httpx waits for the end of an answer)."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._left = asyncio.Event()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._buffer = b""

    async def receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            self._chunks.put_nowait(message["body"])

    def leave(self) -> None:
        self._left.set()

    async def next(self, within_s: float = WITHIN_S) -> Sent:
        async with asyncio.timeout(within_s):
            while b"\n\n" not in self._buffer:
                self._buffer += await self._chunks.get()
        text, _, self._buffer = self._buffer.partition(b"\n\n")
        pairs = [line.split(": ", 1) for line in text.decode().splitlines()]
        return Sent(**{name: value for name, value in pairs if name})

    async def nothing(self, for_s: float = 0.1) -> bool:
        """Whether nothing comes for a while."""
        try:
            await self.next(for_s)
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def opened_page(
    house: House, page: str = "home", *, last: str = "", origin: str = "", **parameters: Any
) -> AsyncIterator[Page]:
    browser = Page()
    scope = {
        "type": "http", "method": "GET", "path": f"/v1/layouts/{page}/stream",
        "query_string": urlencode({"visitor": ANN, **parameters}).encode(),
        "headers": [
            (name, value.encode()) for name, value in ((b"last-event-id", last), (b"origin", origin)) if value
        ],
    }  # fmt: skip
    task = asyncio.ensure_future(house.gateway.app(scope, browser.receive, browser.send))
    try:
        yield browser
    finally:
        browser.leave()
        async with asyncio.timeout(WITHIN_S):
            await task


def layout_of(sent: Sent) -> Layout:
    assert sent.event == "layout"
    layout = msgspec.json.decode(sent.data, type=Layout)
    assert sent.id == layout.layout_id
    return layout


async def test_first_the_current_layout_then_each_change(house: House) -> None:
    await house.write(looked_at(["sneakers-0001"], offset=0))
    async with opened_page(house) as page:
        first = layout_of(await page.next())
        version = await house.write(looked_at(["bags-0001", "bags-0002"], offset=1))
        second = layout_of(await page.next())
        assert second.version == version
        assert second.layout_id != first.layout_id
        assert await page.nothing()
    assert house.metric('etalage_pushes_total{page="home"}') == 2
    assert house.metric("etalage_connections_open") == 0


async def test_who_comes_back_with_the_current_id_is_not_told_again(house: House) -> None:
    await house.write(looked_at(["sneakers-0001"]))
    async with opened_page(house) as page:
        current = (await page.next()).id
    async with opened_page(house, last=current) as page:
        assert await page.nothing()
        await house.write(looked_at(["bags-0001"], offset=1))
        assert (await page.next()).id != current
    async with opened_page(house, last="another") as page:
        assert (await page.next()).event == "layout"


async def test_a_page_that_is_not_live_is_decided_again_twice_a_second(house: House) -> None:
    async with opened_page(house, "cart", hydrate=1) as page:
        first = layout_of(await page.next())
        loop = asyncio.get_running_loop()
        started, seen = loop.time(), 0
        offset = 0
        while loop.time() - started < 1.2:
            offset += 1
            item = "bags-0001" if offset % 2 else "sneakers-0001"
            await house.write(looked_at([item], offset=offset))
            await asyncio.sleep(0.05)
            while not await page.nothing(0.001):
                seen += 1
        assert 1 <= seen <= 4
        assert first.slots[0].module.items[0].card is not None


async def test_the_journey_of_a_click(house: House) -> None:
    async with opened_page(house, journey=1) as page:
        await page.next()
        house.gateway.traces.note(ANN, 0, 100.0, 100.5)
        version = await house.write(looked_at(["sneakers-0001"], offset=0))
        told = [await page.next(), await page.next()]
        journey = msgspec.json.decode(told[1].data)
        assert [sent.event for sent in told] == ["layout", "journey"]
        assert (journey["version"], journey["received"], journey["accepted"]) == (version, 100_000, 100_500)
        assert journey["noticed"] <= journey["pushed"]


async def test_a_missed_notice_is_made_good_after_a_reconnect(house: House) -> None:
    await house.write(looked_at(["sneakers-0001"]))
    async with opened_page(house) as page:
        first = layout_of(await page.next())
        assert await page.nothing(0.05)
        notices = house.store._listeners[0]
        notices._followed.clear()
        await house.write(looked_at(["bags-0001"], offset=1))
        assert await page.nothing(0.05)
        await notices.follow(house.partition())
        assert layout_of(await page.next()).layout_id != first.layout_id


async def test_the_end_of_the_process_ends_the_stream(house: House) -> None:
    async with opened_page(house) as page:
        await page.next()
        await house.gateway.hub.stop()


async def test_one_stream_more_than_allowed_is_refused_until_another_ends() -> None:
    async with opened(streams_max=2) as (house, client):
        async with opened_page(house) as first, opened_page(house) as second:
            await asyncio.gather(first.next(), second.next())
            refused = await client.get("/v1/layouts/home/stream", params={"visitor": ANN})
            assert refused.status_code == 503
            assert refused.headers["content-type"] == PROBLEM_TYPE
            assert refused.headers["retry-after"] == "5"
            assert "ETALAGE_STREAMS_MAX" in refused.json()["detail"]
            assert (await client.get("/v1/layouts/home", params={"visitor": ANN})).status_code == 200
            assert house.metric("etalage_connections_open") == 2
        async with opened_page(house) as page:
            assert (await page.next()).event == "layout"


async def test_streams_opened_at_once_read_a_few_at_a_time(house: House, monkeypatch: Any) -> None:
    current, now, most = house.gateway.ladder.current, 0, 0

    async def counted(*asked: Any) -> bytes:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        try:
            return await current(*asked)
        finally:
            now -= 1

    monkeypatch.setattr(house.gateway.ladder, "current", counted)
    async with AsyncExitStack() as pages:
        opening = [await pages.enter_async_context(opened_page(house)) for _ in range(3 * READ_AT_ONCE)]
        await asyncio.gather(*(page.next() for page in opening))
    assert most == READ_AT_ONCE
