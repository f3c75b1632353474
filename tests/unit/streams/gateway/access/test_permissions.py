"""Every route of the router, asked with every kind of key and with none."""

from __future__ import annotations

from typing import Any, get_args

import httpx
import pytest

from streams.gateway.access.permissions import PERMISSIONS, Grant
from streams.gateway.http.problems import PROBLEM_TYPE
from tests.architecture.permissions_table import in_readme, table
from tests.unit.streams.gateway.access.conftest import Keyed
from tests.unit.streams.gateway.browser import open_page
from tests.unit.streams.gateway.house import ANN, House, event, open_gateway, state_after_views

CALLERS = [None, *get_args(Grant)]
BODIES: dict[str, Any] = {
    "/v1/events": event(),
    "/v1/rank": {"visitor": ANN, "items": ["sneakers-0001"]},
    "/v1/visitor-tokens": {"visitor": ANN},
    "/v1/catalog/items": [],
    "/v1/adapters/{name}": [],
    "/v1/storefront": {"nonsense": 1},
}
STREAM = "/v1/layouts/{page}/stream"
ALLOWED_ANYHOW = {200, 422, 503}
"""What a handler answers to a caller who may ask: a refusal of the body, or of Kafka, is its own."""


async def ask(
    house: House, client: httpx.AsyncClient, route: str, method: str, headers: dict[str, str]
) -> int:
    path = route.format(page="home", visitor=ANN, name="segment")
    if route == STREAM:
        async with open_page(house, headers=headers) as page:
            await page.start()
            return page.status
    parameters = {"visitor": ANN} if route.startswith("/v1/layouts") else {}
    answer = await client.request(method, path, headers=headers, params=parameters, json=BODIES.get(route))
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == PROBLEM_TYPE
    return answer.status_code


@pytest.mark.parametrize("caller", CALLERS, ids=str)
@pytest.mark.parametrize(("route", "method"), PERMISSIONS, ids="-".join)
async def test_who_may_do_what(keyed: Keyed, route: str, method: str, caller: Grant | None) -> None:
    house, client, keys = keyed
    await house.write(state_after_views(["sneakers-0001"]))
    headers = {} if caller is None else keys.headers(caller, keys.token(ANN))
    permission = PERMISSIONS[route, method]
    status = await ask(house, client, route, method, headers)
    if permission.anybody:
        assert status == 200
    elif caller is None:
        assert status == 401
    elif caller in permission.grants:
        assert status in ALLOWED_ANYHOW - {503} or route == "/v1/storefront", status
    else:
        assert status == 403


async def test_the_table_has_every_route_and_no_other() -> None:
    async with open_gateway() as (house, _):
        routes = house.gateway.router.routes()
    assert {(route, method) for route, methods in routes.items() for method in methods} == set(PERMISSIONS)


async def test_a_key_of_the_wrong_sort_of_text_is_refused(keyed: Keyed) -> None:
    house, client, keys = keyed
    path = f"/v1/layouts/home?visitor={ANN}"
    server = keys.texts["server"]
    wrong = {
        "unknown_key": ["sk_00000_x", "nonsense", "sk_", "ak" + server[2:], keys.texts["signing"], "é"],
        "wrong_key": [server[:-1], server + "x", server.rsplit("_", 1)[0] + "_"],
    }
    for reason, texts in wrong.items():
        for text in texts:
            answer = await client.get(path, headers=[(b"authorization", b"Bearer " + text.encode("latin-1"))])
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), text
        counted = house.metric(f'etalage_access_refused_total{{reason="{reason}"}}')
        assert counted == len(texts)


async def test_a_key_comes_in_three_ways_and_secrets_never_in_the_address(keyed: Keyed) -> None:
    _, client, keys = keyed
    path = f"/v1/layouts/home?visitor={ANN}"
    bearer = {"authorization": f"Bearer {keys.texts['server']}"}
    assert (await client.get(path, headers=bearer)).status_code == 200
    assert (await client.get(path, headers=keys.headers("server"))).status_code == 200
    assert (await client.get(f"/v1/layouts/home?key={keys.texts['publishable']}")).status_code == 200
    assert (await client.get(f"{path}&key={keys.texts['server']}")).status_code == 401


async def test_explanations_are_not_the_publics(keyed: Keyed) -> None:
    _, client, keys = keyed
    path = f"/v1/layouts/home?visitor={ANN}&explain=1"
    assert (await client.get(path, headers=keys.headers("publishable", keys.token(ANN)))).status_code == 403
    for kind in ("server", "read"):
        assert (await client.get(path, headers=keys.headers(kind))).status_code == 200
    stream = f"/v1/layouts/home/stream?visitor={ANN}&journey=1"
    assert (
        await client.head(stream, headers=keys.headers("publishable", keys.token(ANN)))
    ).status_code == 403
    assert (await client.head(stream, headers=keys.headers("read"))).status_code == 200


async def test_the_demo_and_what_is_nowhere_need_no_key(keyed: Keyed) -> None:
    _, client, _ = keyed
    assert (await client.get("/demo/access.json")).json() == {"open": False}
    assert (await client.get("/demo/")).status_code == 200
    assert (await client.get("/nowhere")).status_code == 404
    assert (await client.delete("/v1/events")).status_code == 405


def test_the_readme_has_the_table() -> None:
    assert in_readme() == table(), "run `python -m tests.architecture.permissions_table`"
