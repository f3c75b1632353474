"""Over real processes: what merchandisers push reaches who does nothing, on request and on open pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from schemas.layouts import Layout
from tests.integration.shop_http import HttpClient, view
from tests.stack import Running, Stack

VISITOR = "a:regular"
PINNED = "mugs-0001"
WITHIN_S = 30.0
"""A follower builds every two seconds; the rest is for a crowded machine."""

RULES = [
    {"id": "no-sneakers", "action": "exclude", "match": {"categories": ["sneakers"]}},
    {"id": "mug-first", "action": "pin", "match": {"items": [PINNED]}},
]


@asynccontextmanager
async def open_page(gateway: Running) -> AsyncIterator[Callable[[], Awaitable[Layout]]]:
    """An open home page; calling it waits for the next layout it is sent."""
    url = f"http://{gateway.address}/v1/layouts/home/stream"
    async with (
        httpx.AsyncClient(timeout=WITHIN_S) as client,
        client.stream("GET", url, params={"visitor": VISITOR}) as answer,
    ):
        lines = answer.aiter_lines()

        async def next_layout() -> Layout:
            async with asyncio.timeout(WITHIN_S):
                async for line in lines:
                    if line.startswith("data: "):
                        return msgspec.json.decode(line.removeprefix("data: "), type=Layout)
            raise AssertionError("the page was closed")

        yield next_layout


def item_ids(layout: Layout) -> list[str]:
    return [item.id for slot in layout.slots for item in slot.module.items]


async def wait_for(client: HttpClient, accepts: Callable[[Layout], bool]) -> Layout:
    """The first answer that `accepts` says yes to."""
    async with asyncio.timeout(WITHIN_S):
        while not accepts(layout := await client.layout(VISITOR)):  # noqa: ASYNC110 - HTTP has no event
            await asyncio.sleep(0.05)
    return layout


async def test_rules_and_removals_reach_who_does_nothing(stack: Stack, tmp_path: Path) -> None:
    stack.start("worker")
    gateway = stack.start("gateway")
    for running in stack.running:
        await asyncio.to_thread(running.wait_ready, 90)
    async with HttpClient(gateway.address) as client:
        (posted,) = await client.post([view("regular", "sneakers-0001", "m1")])
        token: Any = posted["token"]
        layout = await client.layout(VISITOR, after=token, deadline_ms=1000)
        assert layout.version == token
        async with open_page(gateway) as next_layout:
            first = await next_layout()
            assert any(item.startswith("sneakers-") for item in item_ids(first))
            document = tmp_path / "storefront.json"
            document.write_text(json.dumps(json.loads(stack.run("storefront", "default")) | {"rules": RULES}))
            stack.run("storefront", "push", str(document))
            ruled = await wait_for(client, lambda one: item_ids(one)[0] == PINNED)
            pushed = await next_layout()
            for one in (ruled, pushed):
                assert not any(item.startswith("sneakers-") for item in item_ids(one))
                assert one.version == token, "nobody clicked"
            assert pushed.layout_id == ruled.layout_id
            stack.run("catalog", "remove", PINNED)
            bare = await wait_for(client, lambda one: PINNED not in item_ids(one))
            assert (await next_layout()).layout_id == bare.layout_id
