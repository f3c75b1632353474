"""What a gateway answers to who asks for more than it may."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from streams.gateway.http.limits.prices import (
    DECIDED_PAGE,
    DEMO,
    EXPLAINED_PAGE,
    price_of_ranking,
)
from streams.gateway.http.limits.token_buckets import BURST_S
from streams.gateway.http.problems import PROBLEM_TYPE
from tests.unit.streams.gateway.access.keyed import SHOP, keyed_gateway
from tests.unit.streams.gateway.browser import open_page
from tests.unit.streams.gateway.house import ANN, event, open_gateway, state_after_views

RATE = 2.0
HELD = int(RATE * BURST_S)


async def get(client: httpx.AsyncClient, visitor: str = ANN, **more: Any) -> httpx.Response:
    return await client.get("/v1/layouts/home", params={"visitor": visitor}, **more)


async def rank(client: httpx.AsyncClient, **more: Any) -> httpx.Response:
    return await client.post("/v1/rank", json={"visitor": ANN, "items": ["mugs-0001"]}, **more)


def label(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["reason"]


async def test_an_open_gateway_limits_nobody_unless_told_to() -> None:
    async with open_gateway() as (house, client):
        await house.write(state_after_views(["sneakers-0001"]))
        assert "overload" not in {label(await get(client))[1] for _ in range(200)}
        assert house.metric('etalage_rate_limited_total{scope="visitor"}') == 0


async def test_a_layout_is_answered_beyond_the_limit_too() -> None:
    async with open_gateway(visitor_rate=RATE) as (house, client):
        await house.write(state_after_views(["sneakers-0001"]))
        within = [label(await get(client)) for _ in range(HELD)]
        over = await get(client)
        assert {reason for _, reason in within}.isdisjoint({"overload"})
        assert label(over) == (200, "overload")
        assert over.headers["ratelimit-policy"] == '"visitor";q=10;w=5'
        assert over.headers["ratelimit"] == '"visitor";r=0;t=1'
        assert label(await get(client, "a:other"))[1] != "overload"
        house.clock.advance(1 / RATE)
        assert label(await get(client))[1] != "overload"
        assert house.metric('etalage_rate_limited_total{scope="visitor"}') == 1


async def test_other_routes_answer_429_and_when_to_come_back() -> None:
    async with open_gateway(visitor_rate=RATE) as (house, client):
        answer = await rank(client)
        while answer.status_code == 200:
            answer = await rank(client)
        assert (answer.status_code, answer.headers["content-type"]) == (429, PROBLEM_TYPE)
        assert answer.headers["ratelimit"].startswith('"visitor";r=')
        house.clock.advance(float(answer.headers["retry-after"]))
        assert (await rank(client)).status_code == 200


async def test_the_dear_costs_more() -> None:
    items = [f"mugs-{n:04}" for n in range(1, 31)]
    prices = {
        "stored": 1.0, "decided": DECIDED_PAGE, "explained": EXPLAINED_PAGE,
        "list": price_of_ranking(30, explain=False), "explained list": price_of_ranking(30, explain=True),
    }  # fmt: skip
    async with open_gateway(visitor_rate=100.0) as (house, client):
        buckets = house.gateway.limits.buckets["visitor"]
        for n, (name, price) in enumerate(prices.items()):
            visitor = f"a:v{n}"
            if "list" in name:
                body = {"visitor": visitor, "items": items, "explain": "explained" in name}
                await client.post("/v1/rank", json=body)
            else:
                page = "cart" if name == "decided" else "home"
                explain = {"explain": "1"} if name == "explained" else {}
                await client.get(f"/v1/layouts/{page}", params={"visitor": visitor} | explain)
            left = buckets.left(visitor, 100.0, house.clock.monotonic())
            assert left == int(100.0 * BURST_S - price + 1e-6), name
    assert prices["explained list"] > prices["list"] > prices["stored"]


async def test_events_of_a_visitor_who_sends_too_many_are_to_be_sent_again() -> None:
    async with open_gateway(visitor_rate=RATE) as (house, client):
        events = [event(n) for n in range(HELD + 3)] + [event(99, visitor="bob")]
        answer = await client.post("/v1/events", json=events)
        statuses = [result["status"] for result in answer.json()["results"]]
        assert statuses == ["accepted"] * HELD + ["retry"] * 3 + ["accepted"]
        assert answer.headers["retry-after"] == "1"
        assert len(house.log.messages) == HELD + 1


async def test_an_address_is_limited_whatever_it_asks_and_says() -> None:
    async with open_gateway(address_rate=RATE) as (house, _):
        transport = httpx.ASGITransport(app=house.gateway.app, client=("8.8.8.8", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            codes = [
                (await client.get("/v1/openapi.json", headers={"x-forwarded-for": f"9.9.9.{n}"})).status_code
                for n in range(HELD + 1)
            ]
            assert codes == [200] * HELD + [429]
            assert (await client.post("/v1/events", json=[event()])).status_code == 429
            assert (await client.get("/livez")).status_code == 200, "probes are not counted"
            assert label(await get(client)) == (200, "overload")


async def test_an_address_is_limited_at_what_is_for_anybody() -> None:
    async with open_gateway(address_rate=RATE) as (house, _):
        transport = httpx.ASGITransport(app=house.gateway.app, client=("8.8.8.8", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            codes = [(await client.get("/nothing")).status_code for _ in range(int(HELD / DEMO) + 1)]
            assert codes == [404] * int(HELD / DEMO) + [429]
            assert (await client.get("/demo/shop.css")).status_code == 429


async def test_behind_a_proxy_each_client_has_its_own() -> None:
    async with open_gateway(address_rate=RATE, proxies="127.0.0.0/8") as (_, client):
        for address in ("9.9.9.9", "8.8.8.8"):
            sent = {"x-forwarded-for": f"1.1.1.1, {address}"}
            answers = [label(await get(client, f"a:v{n}", headers=sent)) for n in range(HELD + 1)]
            assert [reason == "overload" for _, reason in answers] == [False] * HELD + [True]


async def test_keys_have_the_rate_that_was_set_on_them() -> None:
    async with keyed_gateway() as (house, client, keys):
        keys.add(house, "slow", "server", rate=RATE)
        assert {(await rank(client, headers=keys.headers("server"))).status_code for _ in range(60)} == {200}
        codes = [(await rank(client, headers=keys.headers("slow"))).status_code for _ in range(4)]
        assert codes == [200, 200, 429, 429]
        assert house.metric('etalage_rate_limited_total{scope="key"}') == 2


async def test_with_keys_browsers_are_limited_by_default() -> None:
    async with keyed_gateway() as (_, client, keys):
        headers = keys.headers("publishable", keys.token(ANN), origin=SHOP)
        reasons = [label(await get(client, headers=headers))[1] for _ in range(101)]
        assert [reason == "overload" for reason in reasons] == [False] * 100 + [True]


async def test_one_visitor_does_not_use_up_what_all_share() -> None:
    async with keyed_gateway(visitor_rate=RATE) as (house, client, keys):
        keys.add(house, "publishable", "publishable", origins=[SHOP], rate=20.0)
        for _ in range(300):
            await get(client, headers=keys.headers("publishable", keys.token(ANN), origin=SHOP))
        bob = keys.headers("publishable", keys.token("u:bob"), origin=SHOP)
        assert label(await get(client, "u:bob", headers=bob))[1] != "overload"


@pytest.mark.parametrize(("who", "visitors"), [("visitor", [ANN, ANN]), ("address", ["a:one", "a:two"])])
async def test_streams_that_may_be_open(who: str, visitors: list[str]) -> None:
    settings: dict[str, Any] = {f"{who}_streams": 2}
    async with open_gateway(**settings) as (house, client):
        one, two = (open_page(house, visitor=visitor) for visitor in visitors)
        async with one as first, two as second:
            await asyncio.gather(first.next(), second.next())
            refused = await client.get("/v1/layouts/home/stream", params={"visitor": ANN})
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
            assert house.metric(f'etalage_rate_limited_total{{scope="{who}_streams"}}') == 1
        async with open_page(house) as page:
            assert (await page.next()).event == "layout"
        assert not house.gateway.limits._streams


async def test_what_is_dear_to_refuse_is_charged_before_it_is_looked_at() -> None:
    """A body that is nested too deeply; else an address could fill a gateway with bodies that are refused."""
    async with open_gateway(address_rate=20.0) as (house, _):
        transport = httpx.ASGITransport(app=house.gateway.app, client=("8.8.8.8", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            codes = [(await client.post("/v1/events", content=b"[" * 3000)).status_code for _ in range(3)]
            assert codes == [400, 429, 429]


async def test_wrong_layout_requests_cost_their_address_too() -> None:
    async with open_gateway(address_rate=RATE) as (house, _):
        transport = httpx.ASGITransport(app=house.gateway.app, client=("8.8.8.8", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            for _ in range(HELD):
                assert (await client.get("/v1/layouts/home")).status_code == 400
            assert label(await get(client)) == (200, "overload")


async def test_who_asks_for_too_much_writes_no_exposures() -> None:
    async with open_gateway(visitor_rate=RATE) as (house, client):
        for _ in range(HELD + 5):
            await get(client)
        assert len(house.gateway.exposures.outbox) == HELD
