"""API4, unrestricted resource consumption: a bound on everything that a client can send or hold."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from models.candidates.generation import CANDIDATES_MAX
from streams.gateway.access import token_route
from streams.gateway.access.permissions import PERMISSIONS
from streams.gateway.admin.catalog import CATALOG_BYTES_MAX, STOREFRONT_BYTES_MAX
from streams.gateway.events.intake.validation import (
    COMMAS_MAX,
    REQUEST_BYTES_MAX,
    REQUEST_EVENTS_MAX,
)
from streams.gateway.http.asgi_io import BODIES
from streams.gateway.layouts import rank
from tests.unit.streams.gateway.access.conftest import Keyed
from tests.unit.streams.gateway.access.keyed import keyed_gateway
from tests.unit.streams.gateway.browser import open_page
from tests.unit.streams.gateway.house import ANN, event

BODY_MAX = {
    ("/v1/events", "POST"): ("server", REQUEST_BYTES_MAX),
    ("/v1/adapters/{name}", "POST"): ("server", REQUEST_BYTES_MAX),
    ("/v1/rank", "POST"): ("server", rank.BYTES_MAX),
    ("/v1/visitor-tokens", "POST"): ("server", token_route.BYTES_MAX),
    ("/v1/catalog/items", "PUT"): ("merchandise", CATALOG_BYTES_MAX),
    ("/v1/storefront", "PUT"): ("merchandise", STOREFRONT_BYTES_MAX),
}
"""Who may send it, and how many bytes. Heads and connections: tests/contracts/test_hostile_heads.py and
tests/unit/streams/gateway/http/test_connection_limits.py."""


def test_every_route_that_takes_a_body_has_a_bound() -> None:
    assert set(BODY_MAX) == {route for route in PERMISSIONS if route[1] != "GET"}


@pytest.mark.parametrize("route", BODY_MAX, ids="-".join)
async def test_a_body_over_its_bound_is_not_read_to_its_end(keyed: Keyed, route: tuple[str, str]) -> None:
    _, client, keys = keyed
    (path, method), (caller, limit) = route, BODY_MAX[route]
    path = path.format(name="segment")
    before = BODIES.held  # other tests of this process call routes without their router
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1 << 16
            yield b" " * (1 << 16)

    headers = keys.headers(caller)
    answer = await client.request(method, path, content=endless(), headers=headers)
    assert (answer.status_code, BODIES.held) == (413, before)
    assert sent <= limit + (1 << 17)
    length = {"content-length": str(limit + 1)}
    answer = await client.request(method, path, content=b"", headers=headers | length)
    assert answer.status_code == 413


@pytest.mark.parametrize("route", BODY_MAX, ids="-".join)
@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
async def test_nesting_is_refused(keyed: Keyed, route: tuple[str, str], opening: bytes) -> None:
    _, client, keys = keyed
    (path, method), (caller, limit) = route, BODY_MAX[route]
    body = opening * (min(limit, 200_000) // len(opening))
    answer = await client.request(method, path, content=body, headers=keys.headers(caller))
    refused = 200 <= answer.status_code < 300 and "accepted" not in answer.text
    assert refused or 400 <= answer.status_code < 500


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"{}," * REQUEST_EVENTS_MAX + b"{}]",
        b"[" + b"0," * COMMAS_MAX + b"0,0]",
        b'{"events":[' + b"1," * REQUEST_EVENTS_MAX + b"1]}",
    ],
    ids=["events", "commas", "wrapped"],
)
async def test_a_batch_of_too_many_is_refused_whole(keyed: Keyed, body: bytes) -> None:
    house, client, keys = keyed
    answer = await client.post("/v1/events", content=body, headers=keys.headers("server"))
    assert (answer.status_code, house.log.messages) == (413, [])


async def test_a_list_to_rank_is_bounded(keyed: Keyed) -> None:
    _, client, keys = keyed
    for count, status in ((rank.ITEMS_MAX, 200), (rank.ITEMS_MAX + 1, 400)):
        body = {"visitor": ANN, "items": [f"x-{number}" for number in range(count)], "explain": True}
        assert (
            await client.post("/v1/rank", json=body, headers=keys.headers("server"))
        ).status_code == status


@pytest.mark.parametrize("page", ["home", "category", "search"])
async def test_a_page_is_made_of_few_candidates(keyed: Keyed, page: str) -> None:
    """However broad the question: a search for every letter, a category as large as the shop."""
    _, client, keys = keyed
    query = {"q": " ".join("abcdefghijklmnopqrstuvwxyz" * 3), "category": "sneakers"}
    parameters = {"visitor": ANN, "explain": "1"} | {
        "category": {"category": query["category"]},
        "search": {"q": query["q"]},
    }.get(page, {})
    answer = await client.get(f"/v1/layouts/{page}", params=parameters, headers=keys.headers("server"))
    assert answer.status_code == 200
    items = [item for slot in answer.json()["slots"] for item in slot["module"]["items"]]
    assert 0 < len(items) <= CANDIDATES_MAX


@pytest.mark.parametrize(
    "query",
    [
        {"deadline_ms": "1001"},
        {"deadline_ms": "9" * 5000},
        {"deadline_ms": "1e9"},
        {"deadline_ms": "inf"},
        {"deadline_ms": "-1"},
        {"deadline_ms": "\u0665\u0660"},
        {"q": "x" * 201},
        {"item": "x" * 129},
        {"category": "x" * 201},
        {"after": "9" * 20 + ".0.0"},
        {"after": "1.1." + "9" * 5000},
        {"visitor": "a:" + "x" * 200},
    ],
    ids=lambda query: str(query)[:30],
)
async def test_no_parameter_is_long_or_asks_for_long_work(keyed: Keyed, query: dict[str, str]) -> None:
    _, client, keys = keyed
    parameters: dict[str, Any] = {"visitor": ANN} | query
    answer = await client.get("/v1/layouts/home", params=parameters, headers=keys.headers("server"))
    assert (answer.status_code, answer.json()["field"]) == (400, next(iter(query)))
    assert len(answer.content) < 1000


async def test_streams_are_counted_and_the_next_one_is_refused() -> None:
    async with keyed_gateway(streams_max=3) as (house, client, keys), AsyncExitStack() as stack:
        headers = keys.headers("publishable", keys.token(ANN))
        pages = [await stack.enter_async_context(open_page(house, headers=headers)) for _ in range(3)]
        await asyncio.gather(*(page.next() for page in pages))
        refused = await client.get("/v1/layouts/home/stream", headers=headers)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")


async def test_what_is_read_of_a_head_is_bounded(keyed: Keyed) -> None:
    """Of a hundred tokens in a header two are verified, of a cookie of 20 kB nothing."""
    house, client, keys = keyed
    token = keys.token(ANN)
    many = keys.headers("publishable", ", ".join([token] * 2 + ["junk"] * 100))
    assert (await client.get("/v1/layouts/home", headers=many)).status_code == 200
    huge = keys.headers("publishable", cookie="etalage_visitor=" + "a" * 20_000)
    assert (await client.get("/v1/layouts/home", headers=huge)).status_code == 200
    assert len(house.gateway.visitor_tokens._verified) == 1


async def test_answers_do_not_repeat_long_input(keyed: Keyed) -> None:
    _, client, keys = keyed
    long = "x" * 5000
    headers = keys.headers("server")
    for answer in (
        await client.get(f"/v1/layouts/{long}?visitor={ANN}", headers=headers),
        await client.get(f"/v1/layouts/home?visitor={ANN}&{long}=1", headers=headers),
        await client.get(f"/{long}", headers=headers),
        await client.post(
            "/v1/visitor-tokens", content=json.dumps({"visitor": long[:4000]}), headers=headers
        ),
    ):
        assert 400 <= answer.status_code < 500
        assert len(answer.content) < 600


async def test_a_visitor_who_asks_for_too_much_is_put_off_and_still_gets_its_layout(keyed: Keyed) -> None:
    """By default, with a publishable key: its events are `retry`, and other visitors go on."""
    _, client, keys = keyed
    mine = keys.headers("publishable", keys.token(ANN))
    answers = [await client.post("/v1/events", json=[event()], headers=mine) for _ in range(101)]
    taken = [answer.json()["results"][0]["status"] for answer in answers]
    assert taken == ["accepted"] * 100 + ["retry"]
    layout = await client.get("/v1/layouts/home", headers=mine)
    assert (layout.status_code, layout.json()["reason"]) == (200, "overload")
    other = keys.headers("publishable", keys.token("u:other"))
    assert (await client.get("/v1/layouts/home", headers=other)).json()["reason"] != "overload"
    assert layout.headers["ratelimit"].endswith(";t=1")
