"""API5, broken function level authorization: every route and method with every key that may not."""

from __future__ import annotations

import pytest

from streams.gateway.access.permissions import PERMISSIONS
from tests.unit.streams.gateway.access.conftest import Keyed
from tests.unit.streams.gateway.access.keyed import KINDS, keyed_gateway
from tests.unit.streams.gateway.house import ANN, event

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND")
GUARDED = [route for route, permission in PERMISSIONS.items() if not permission.anybody]
CALLERS = [None, *KINDS]


@pytest.mark.parametrize("caller", CALLERS, ids=str)
@pytest.mark.parametrize("path", dict.fromkeys(path for path, _ in GUARDED))
async def test_no_method_opens_a_route_to_who_may_not(keyed: Keyed, path: str, caller: str | None) -> None:
    house, client, keys = keyed
    before = list(house.log.messages), dict(house.log.written)
    headers = {} if caller is None else keys.headers(caller, keys.token(ANN))
    for method in METHODS:
        permission = PERMISSIONS.get((path, "GET" if method == "HEAD" else method))
        if permission is not None and caller in permission.grants:
            continue
        answer = await client.request(
            method,
            path.format(page="home", visitor=ANN, name="segment"),
            headers=headers,
            json=event(),
            params={"visitor": ANN},
        )
        assert answer.status_code in (401, 403, 405), method
    assert (house.log.messages, house.log.written) == before


DISGUISES = [
    "/v1/admin/shop/",
    "/v1/admin/shop/.",
    "//v1/admin/shop",
    "/V1/ADMIN/SHOP",
    "/v1/admin/%73hop",
    "/v1/admin%2fshop",
    "/v1/./admin/shop",
    "/v1/layouts/../admin/shop",
    "/livez/../metrics",
    "/livez/..%2fmetrics",
    "/metrics;livez",
    "/metrics%00",
    "/metrics/",
    "/demo/../metrics",
    "/demo/..%2f..%2fmetrics",
    "/demo/%2e%2e/metrics",
    "/metrics%0a",
    "/v1/admin/shop.json",
    "/v1/admin/shop%20",
    "/v1/layouts/home/../../visitors/a:ann",
    "/v1/visitors//a:ann",
]


@pytest.mark.parametrize("path", DISGUISES)
async def test_no_spelling_of_a_path_goes_around_the_table(keyed: Keyed, path: str) -> None:
    _, client, keys = keyed
    for headers in ({}, keys.headers("publishable", keys.token(ANN))):
        answer = await client.get(f"http://shop{path}", headers=headers)
        assert answer.status_code in (400, 401, 403, 404)
        assert b"etalage_" not in answer.content


@pytest.mark.parametrize(
    "header",
    [
        "x-http-method-override",
        "x-method-override",
        "x-original-url",
        "x-rewrite-url",
        "x-forwarded-path",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-real-ip",
        "forwarded",
        "x-etalage-role",
        "x-admin",
    ],
)
async def test_no_header_makes_an_admin(keyed: Keyed, header: str) -> None:
    _, client, keys = keyed
    for value in ("PUT", "/v1/admin/shop", "127.0.0.1", "admin", "for=127.0.0.1"):
        headers = keys.headers("publishable", keys.token(ANN)) | {header: value}
        assert (await client.get("/v1/admin/shop", headers=headers)).status_code == 403
        assert (await client.post("/v1/storefront", json={}, headers=headers)).status_code == 405


async def test_a_role_does_not_hold_the_other(keyed: Keyed) -> None:
    house, client, keys = keyed
    for path in ("/v1/catalog/items", "/v1/storefront"):
        assert (await client.put(path, json=[], headers=keys.headers("read"))).status_code == 403
    for path in ("/v1/admin/shop", "/metrics", f"/v1/visitors/{ANN}"):
        assert (await client.get(path, headers=keys.headers("merchandise"))).status_code == 403
    keys.add(house, "nothing", "admin", roles=[])
    for path, method in GUARDED:
        answer = await client.request(
            method, path.format(page="home", visitor=ANN, name="segment"), headers=keys.headers("nothing")
        )
        assert answer.status_code == 403


async def test_with_an_admin_port_its_routes_are_nowhere_else() -> None:
    async with keyed_gateway(admin_address="127.0.0.1:9000") as (_, client, keys):
        for (path, method), permission in PERMISSIONS.items():
            if permission.side == "admin":
                for caller in ("read", "merchandise", "server"):
                    url, headers = path.format(visitor=ANN), keys.headers(caller)
                    assert (await client.request(method, url, headers=headers)).status_code == 404
