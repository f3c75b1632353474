"""Pages of other origins, HEAD and OPTIONS."""

from __future__ import annotations

import httpx
import pytest

from tests.unit.streams.gateway.browser import open_page
from tests.unit.streams.gateway.house import ANN, House, open_gateway, state_after_views

SHOP, OTHER = "https://shop.example", "https://other.example"
HOME = f"/v1/layouts/home?visitor={ANN}"


def preflight(origin: str, method: str = "POST") -> dict[str, str]:
    return {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": "content-type",
    }


async def test_no_origin_is_allowed_unless_it_is_named(client: httpx.AsyncClient) -> None:
    answer = await client.get(HOME, headers={"origin": SHOP})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("named", [SHOP, f"https://first.example, {SHOP}/"])
async def test_a_page_of_a_named_origin_may_call(named: str) -> None:
    async with open_gateway(origins=named) as (_, client):
        preflighted = await client.options("/v1/events", headers=preflight(SHOP))
        assert preflighted.status_code == 204
        assert preflighted.headers["access-control-allow-origin"] == SHOP
        answer = await client.get(HOME, headers={"origin": SHOP})
        assert answer.headers["access-control-allow-origin"] == SHOP
        problem = await client.get("/v1/layouts/basement", headers={"origin": SHOP})
        assert (problem.status_code, problem.headers["access-control-allow-origin"]) == (404, SHOP)
        stranger = await client.options("/v1/events", headers=preflight(OTHER))
        assert stranger.status_code == 403
        assert (
            "access-control-allow-origin" not in (await client.get(HOME, headers={"origin": OTHER})).headers
        )


async def test_a_star_lets_everybody_in_without_cookies() -> None:
    async with open_gateway(origins="*") as (_, client):
        answer = await client.get(HOME, headers={"origin": OTHER})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


async def test_a_streams_headers_are_its_own() -> None:
    async with open_gateway(origins=SHOP) as (house, _):
        async with open_page(house, origin=SHOP) as page:
            await page.next()
            assert (b"access-control-allow-origin", SHOP.encode()) in page.headers
        async with open_page(house) as page:
            await page.next()
            assert [name for name, _ in page.headers if name.startswith(b"access")] == []


async def test_head_is_get_without_a_body(house: House, client: httpx.AsyncClient) -> None:
    await house.write(state_after_views(["sneakers-0001"]))
    for path in (HOME, f"/v1/visitors/{ANN}", "/v1/admin/shop", "/livez", "/v1/layouts/basement"):
        whole, headers = await client.get(path), await client.head(path)
        assert headers.status_code == whole.status_code, path
        assert headers.content == b"", path
        for name in ("content-type", "content-length"):
            assert headers.headers[name] == whole.headers[name], path
    assert len(house.gateway.exposures.outbox) == 1, "only GET shows a layout to somebody"


async def test_head_of_a_stream_ends(house: House, client: httpx.AsyncClient) -> None:
    answer = await client.head(f"/v1/layouts/home/stream?visitor={ANN}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
    assert (await client.head("/v1/layouts/home/stream")).status_code == 400
    assert house.metric('etalage_pushes_total{page="home"}') == 0


async def test_head_where_there_is_no_get(client: httpx.AsyncClient) -> None:
    assert (await client.head("/v1/events")).status_code == 405


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/v1/layouts/home", "GET, HEAD, OPTIONS"), ("/v1/events", "OPTIONS, POST")],
)
async def test_options_tells_what_may_be_asked(client: httpx.AsyncClient, path: str, allowed: str) -> None:
    answer = await client.options(path)
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, allowed, b"")
