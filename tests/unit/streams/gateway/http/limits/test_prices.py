"""What is paid for what, and what a visitor or an address can no longer do once it has paid."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx
import pytest

from streams.gateway.access.credentials import VISITOR_HEADER
from streams.gateway.http.limits.prices import EVENT_BYTES
from streams.gateway.http.limits.request_limits import NEWCOMER_UNITS, RateLimited
from tests.unit.streams.gateway.access.keyed import SHOP, keyed_gateway
from tests.unit.streams.gateway.browser import open_page
from tests.unit.streams.gateway.house import ANN, event, open_gateway, state_after_views
from tests.unit.streams.gateway.http.limits.test_request_limits import RATE, get, label


async def test_an_event_costs_as_much_as_it_is_long() -> None:
    """What it takes a worker grows with its items, and what Kafka keeps with its bytes."""
    async with open_gateway(visitor_rate=100.0, address_rate=1000.0) as (house, _):
        transport = httpx.ASGITransport(app=house.gateway.app, client=("8.8.8.8", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            large = event() | {"extra": "x" * 20 * EVENT_BYTES}
            answer = await client.post("/v1/events", json=[large])
        assert answer.json()["results"][0]["status"] == "accepted"
        buckets, now = house.gateway.limits.buckets, house.clock.monotonic()
        assert 20 <= 500 - buckets["visitor"].left(ANN, 100.0, now) <= 25
        assert 20 <= 5000 - buckets["address"].left("8.8.8.8", 1000.0, now) <= 25


async def test_a_body_that_is_dear_to_split_is_paid_before() -> None:
    async with open_gateway(address_rate=10 * RATE) as (house, _):
        transport = httpx.ASGITransport(app=house.gateway.app, client=("8.8.8.8", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            body = b"[" + b"1," * 49_000 + b"1]"
            codes = [(await client.post("/v1/events", content=body)).status_code for _ in range(4)]
            assert codes == [413, 413, 413, 429]


@pytest.mark.parametrize(("page", "price"), [("home", 1.0), ("cart", 4.0)])
async def test_an_open_page_pays_for_what_is_pushed_to_it(page: str, price: float) -> None:
    """One event would else be decided for each open page of its visitor."""
    async with open_gateway(visitor_rate=100.0) as (house, _), open_page(house, page=page) as opened:
        await opened.next()
        await opened.hears_nothing(1.0)
        before = house.gateway.limits.buckets["visitor"].left(ANN, 100.0, house.clock.monotonic())
        await house.write(state_after_views(["bags-0001", "bags-0002"], offset=1))
        await opened.hears_nothing(1.0)
        left = house.gateway.limits.buckets["visitor"].left(ANN, 100.0, house.clock.monotonic())
        assert before - left == price


async def test_an_open_page_that_was_put_off_is_pushed_later() -> None:
    async with open_gateway(visitor_rate=RATE) as (house, client), open_page(house) as opened:
        await opened.next()
        for _ in range(60):
            await get(client)
        await house.write(state_after_views(["bags-0001", "bags-0002"], offset=1))
        assert await opened.hears_nothing()
        house.clock.advance(5)
        assert (await opened.next()).event == "layout"


async def test_an_open_page_that_is_put_off_again_and_again_looks_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each event would else leave a timer that renews itself for as long as its visitor sends too many."""
    async with open_gateway(visitor_rate=RATE) as (house, client), open_page(house) as opened:
        await opened.next()
        for _ in range(60):
            await get(client)
        charged = 0

        def refuse(*_: Any) -> None:
            nonlocal charged
            charged += 1
            raise RateLimited("visitor", after_s=1, rate=RATE, left=0)

        monkeypatch.setattr(house.gateway.limits, "charge", refuse)
        for offset in range(1, 31):
            await house.write(state_after_views([f"bags-{offset:04}"], offset=offset))
            await opened.hears_nothing(0.01)
        seen = charged
        await opened.hears_nothing(10.0)
        assert charged - seen <= 11, "about one attempt each second and a half"


async def test_an_address_brings_few_new_visitors_and_those_it_has_go_on() -> None:
    """Each costs 4 kB of Redis with its first event: a thousand a second would fill it within hours."""
    async with keyed_gateway(address_rate=NEWCOMER_UNITS) as (house, _, keys):
        transport = httpx.ASGITransport(app=house.gateway.app, client=("8.8.8.8", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            headers = keys.headers("publishable", origin=SHOP)
            client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            asked = [await client.get("/v1/layouts/home", headers=headers) for _ in range(7)]
            made = [answer.headers.get(VISITOR_HEADER) for answer in asked]
            assert [token is not None for token in made] == [True] * 5 + [False] * 2
            assert label(asked[-1]) == (200, "overload")
            assert asked[-1].headers["ratelimit"].startswith('"address"')
            token = await client.post("/v1/visitor-tokens", json={}, headers=headers)
            stream = await client.get("/v1/layouts/home/stream", headers=headers)
            assert (token.status_code, stream.status_code) == (429, 429)
            left = house.gateway.limits.buckets["address"].left("8.8.8.8", 100.0, house.clock.monotonic())
            assert left > 480, "newcomers take nothing from those who are there"
            old = headers | {VISITOR_HEADER: made[0] or ""}
            assert label(await client.get("/v1/layouts/home", headers=old))[1] != "overload"
            explained = await client.get("/v1/layouts/home?explain=1", headers=headers)
            assert explained.status_code == 403


@pytest.mark.parametrize(
    ("query", "price"), [("", 1), ("&hydrate=1", 3), ("&item=bags-0001", 4), ("&q=none&hydrate=1", 6)]
)
async def test_cards_and_what_a_page_is_about_are_paid(query: str, price: int) -> None:
    """Such a live page is decided, or found, anew each time."""
    async with open_gateway(visitor_rate=100.0) as (house, client):
        await house.write(state_after_views(["sneakers-0001"]))
        assert label(await client.get(f"/v1/layouts/home?visitor={ANN}{query}"))[1] != "overload"
        left = house.gateway.limits.buckets["visitor"].left(ANN, 100.0, house.clock.monotonic())
        assert 500 - left == price
