"""Headers on every answer, pages of other origins key by key, and posts that browsers send unasked."""

from __future__ import annotations

import json
import re

import pytest

from streams.demo.routes import STATIC
from streams.gateway.access.answer_headers import CSP_PAGE
from tests.unit.streams.gateway.access.conftest import Keyed
from tests.unit.streams.gateway.access.keyed import OTHER, SHOP
from tests.unit.streams.gateway.browser import open_page
from tests.unit.streams.gateway.house import event

HOME = "/v1/layouts/home"
DATA_CSP = "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200), ("GET", HOME, 401), ("GET", "/nowhere", 404), ("DELETE", "/v1/events", 405),
        ("OPTIONS", "/v1/events", 204), ("GET", "/v1/openapi.json", 200), ("HEAD", "/livez", 200),
    ],
)  # fmt: skip
async def test_every_answer_has_them(keyed: Keyed, method: str, path: str, status: int) -> None:
    _, client, _ = keyed
    for forwarded in ("http", "https"):
        answer = await client.request(method, path, headers={"x-forwarded-proto": forwarded})
        assert answer.status_code == status
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == DATA_CSP
        assert ("strict-transport-security" in answer.headers) == (forwarded == "https")


async def test_the_demos_page_may_load_what_is_its_own_and_stand_in_no_frame(keyed: Keyed) -> None:
    _, client, _ = keyed
    page = (await client.get("/demo/")).headers["content-security-policy"]
    assert "default-src 'self'" in page
    assert "frame-ancestors 'none'" in page
    picture = await client.get("/demo/items/sneakers-0001.svg")
    assert picture.headers.get_list("content-security-policy") == [
        "default-src 'none'; style-src 'unsafe-inline'"
    ]


def test_the_pages_own_policy_is_the_same_but_for_frames() -> None:
    """In a page `frame-ancestors` has no effect, so that one stands in the header alone."""
    page = (STATIC / "index.html").read_text()
    (own,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    assert CSP_PAGE[1].decode() == f"{own}; frame-ancestors 'none'"


async def test_a_stream_has_them_too(keyed: Keyed) -> None:
    house, _, keys = keyed
    headers = keys.headers("publishable", keys.token("a:ann"), origin=SHOP)
    async with open_page(house, headers=headers) as page:
        await page.start()
        assert {b"x-content-type-options", b"access-control-allow-origin"} <= {
            name for name, _ in page.headers
        }


async def test_a_key_serves_pages_of_its_own_origins(keyed: Keyed) -> None:
    house, client, keys = keyed
    keys.add(house, "second", "publishable", origins=[OTHER])
    allowed = await client.get(HOME, headers=keys.headers("publishable", origin=SHOP))
    assert allowed.headers["access-control-allow-origin"] == SHOP
    assert allowed.headers["access-control-allow-credentials"] == "true"
    assert "x-etalage-visitor" in allowed.headers["access-control-expose-headers"]
    assert "origin" in allowed.headers["vary"]
    assert (await client.get(HOME, headers=keys.headers("publishable", origin=OTHER))).status_code == 403
    assert (await client.get(HOME, headers=keys.headers("second", origin=OTHER))).status_code == 200
    server = await client.get(f"{HOME}?visitor=a:1", headers=keys.headers("server", origin=SHOP))
    assert "access-control-allow-origin" not in server.headers, "a secret key is not for pages"


async def test_a_star_gives_no_cookies(keyed: Keyed) -> None:
    house, client, keys = keyed
    keys.add(house, "second", "publishable", origins=["*"])
    answer = await client.get(HOME, headers=keys.headers("second", origin=OTHER))
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    ("path", "method", "origin", "status"),
    [
        ("/v1/events", "POST", SHOP, 204), (HOME, "GET", SHOP, 204), (HOME + "/stream", "GET", SHOP, 204),
        ("/v1/visitor-tokens", "POST", SHOP, 204), ("/v1/events", "POST", OTHER, 403),
        ("/v1/events", "PUT", SHOP, 403),
        ("/v1/catalog/items", "PUT", SHOP, 403), ("/v1/storefront", "PUT", SHOP, 403),
        ("/v1/rank", "POST", SHOP, 403),
        ("/v1/admin/shop", "GET", SHOP, 403), ("/metrics", "GET", SHOP, 403), ("/demo/", "GET", SHOP, 403),
    ],
)  # fmt: skip
async def test_a_preflight_allows_what_publishable_keys_may(
    keyed: Keyed, path: str, method: str, origin: str, status: int
) -> None:
    house, client, keys = keyed
    headers = {"origin": origin, "access-control-request-method": method}
    answer = await client.options(path, headers=headers)
    assert answer.status_code == status
    if status == 204:
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-allow-methods"] == method
        assert "x-etalage-key" in answer.headers["access-control-allow-headers"]
        keys.add(house, "second", "publishable", origins=[OTHER])
        named = await client.options(f"{path}?key={keys.texts['second']}", headers=headers)
        assert named.status_code == 403, "the key that is named counts"


async def test_plain_text_is_taken_only_from_an_allowed_page(keyed: Keyed) -> None:
    house, client, keys = keyed
    token = keys.token("a:ann")
    path = f"/v1/events?key={keys.texts['publishable']}"
    plain = {"content-type": "text/plain", "cookie": f"etalage_visitor={token}"}
    body = json.dumps(event())
    answers = [
        await client.post(path, content=body, headers=plain | more)
        for more in (
            {"origin": SHOP},
            {"origin": OTHER},
            {"origin": "null"},
            {},
            {"content-type": "application/json; charset=utf-8"},
        )
    ]
    assert [answer.status_code for answer in answers] == [200, 403, 403, 415, 200]
    assert answers[0].json()["results"][0]["status"] == "accepted"
    counted = house.metric('etalage_access_refused_total{reason="content_type"}')
    assert counted == 1
    server = keys.headers("server", **{"content-type": "text/plain"})
    assert (await client.post("/v1/events", content=body, headers=server)).status_code == 200
