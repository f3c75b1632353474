"""What several of these tests ask a running gateway."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from uuid import uuid4

import orjson

from tests.integration.shop_http import HttpClient, view
from tests.stack import Running


async def wait_for_click(client: HttpClient, within_s: float = 30) -> None:
    """Post a click of `a:me` and ask until it is in a layout that was read from Redis."""
    async with asyncio.timeout(within_s):
        (result,) = await client.post([view("me", "sneakers-0001", uuid4().hex)])
        while True:
            layout = await client.layout("a:me", after=result["token"], deadline_ms=1000)
            if (layout.mode, layout.reason) == ("full", "ok"):
                return


def reason_of(gateway: Running) -> str:
    """The reason in /readyz, whether it is ready or not."""
    try:
        with urllib.request.urlopen(f"http://{gateway.address}/readyz", timeout=5) as answer:
            body = answer.read()
    except urllib.error.HTTPError as exc:
        body = exc.read()
    return str(orjson.loads(body)["reason"])


def assert_told_once(gateway: Running, words: str) -> None:
    """Each reader that meets the trouble says so in its log once, however often it tries again."""
    told = [orjson.loads(line) for line in gateway.log(100_000).splitlines() if words in line]
    lines = [(line["logger"], line["message"], line["error"]) for line in told]
    assert lines
    assert len(set(lines)) == len(lines), lines
