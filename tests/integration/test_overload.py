"""More than a gateway can do: lists are refused in words, pages are always answered, nothing starves."""

from __future__ import annotations

import asyncio
from collections import Counter

import orjson

from tests.integration.shop_http import ITEMS, HttpClient
from tests.stack import Stack

CLIENTS, EACH = 300, 8
"""Some 150 ms of work wait at any time; a page waits for 35 ms, a list for 30."""


async def ask(address: str, number: int, seen: Counter[tuple[str, str]]) -> None:
    """One client: lists, explained lists and two pages in turn; each begins with another."""
    visitor, item = f"a:{number}", ITEMS[number % len(ITEMS)]
    async with HttpClient(address) as client:
        for n in range(number, number + EACH):
            if n % 2:
                page = "home" if n % 4 == 1 else "product"
                status, body = await client.ask("GET", f"/v1/layouts/{page}?visitor={visitor}&item={item}")
                assert status == 200
                layout = orjson.loads(body)
                assert layout["slots"]
                seen[page, layout["reason"]] += 1
                continue
            explain = n % 4 == 2
            wanted = {"visitor": visitor, "items": ITEMS, "explain": explain}
            status, body = await client.ask("POST", "/v1/rank", orjson.dumps(wanted))
            assert status in (200, 503), body
            if status == 503:
                assert b"\r\nretry-after: 1\r\n" in client.head
            else:
                assert len(orjson.loads(body)["items"]) == len(ITEMS)
            seen["explained list" if explain else "list", "overload" if status == 503 else "ok"] += 1


async def test_more_than_a_gateway_can_do(stack: Stack) -> None:
    gateway, seen = stack.start("gateway").wait_ready(), Counter[tuple[str, str]]()
    await asyncio.gather(*(ask(gateway.address, number, seen) for number in range(CLIENTS)))
    assert seen.total() == CLIENTS * EACH
    for what in ("list", "explained list", "home", "product"):
        done = sum(times for (asked, reason), times in seen.items() if asked == what and reason != "overload")
        assert done, seen
        assert seen[what, "overload"], seen
    async with HttpClient(gateway.address) as client:  # and all is well once they are gone
        status, body = await client.ask("GET", "/v1/layouts/product?visitor=a:1&item=" + ITEMS[0])
    assert (status, orjson.loads(body)["reason"] != "overload") == (200, True)
