"""Over real processes: what merchandisers push reaches who does nothing, on request and on open pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from schemas.layouts import Layout
from streams.runtime.tasks import cancel_and_wait
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
async def open_page(gateway: Running) -> AsyncIterator[list[Layout]]:
    """An open home page: the layouts that it was sent so far, the newest last."""
    url = f"http://{gateway.address}/v1/layouts/home/stream"
    sent: list[Layout] = []
    async with (
        httpx.AsyncClient(timeout=WITHIN_S) as client,
        client.stream("GET", url, params={"visitor": VISITOR}) as answer,
    ):
        receiving = asyncio.create_task(_receive(answer, sent))
        try:
            yield sent
        finally:
            await cancel_and_wait(receiving)


async def _receive(answer: httpx.Response, sent: list[Layout]) -> None:
    async for line in answer.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "data":
            sent.append(msgspec.json.decode(value, type=Layout))


def is_sneaker(item: str) -> bool:
    return item.startswith("sneakers-")


def item_ids(layout: Layout) -> list[str]:
    return [item.id for slot in layout.slots for item in slot.module.items]


async def wait_for(client: HttpClient, accepts: Callable[[Layout], bool]) -> Layout:
    """The first answer that `accepts` says yes to."""
    async with asyncio.timeout(WITHIN_S):
        while not accepts(layout := await client.layout(VISITOR)):  # noqa: ASYNC110 - HTTP has no event
            await asyncio.sleep(0.05)
    return layout


async def wait_for_both(client: HttpClient, sent: list[Layout], accepts: Callable[[Layout], bool]) -> Layout:
    """What a request is answered, once `accepts` says yes to it and the open page has the same."""
    return await wait_for(
        client, lambda one: accepts(one) and bool(sent) and sent[-1].layout_id == one.layout_id
    )


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
        async with open_page(gateway) as sent:
            await wait_for_both(client, sent, lambda one: any(map(is_sneaker, item_ids(one))))
            document = tmp_path / "storefront.json"
            document.write_text(json.dumps(json.loads(stack.run("storefront", "default")) | {"rules": RULES}))
            stack.run("storefront", "push", str(document))
            ruled = await wait_for_both(client, sent, lambda one: item_ids(one)[0] == PINNED)
            for one in (ruled, sent[-1]):
                assert not any(map(is_sneaker, item_ids(one)))
                assert one.version == token, "nobody clicked"
            stack.run("catalog", "remove", PINNED)
            await wait_for_both(client, sent, lambda one: PINNED not in item_ids(one))
