"""API3, broken object property level authorization: fields that are not for the caller, to read or to set."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas.layouts import Layout
from tests.unit.streams.gateway.access.conftest import Keyed
from tests.unit.streams.gateway.browser import open_page
from tests.unit.streams.gateway.house import ANN, event, state_after_views

HOME = f"/v1/layouts/home?visitor={ANN}&hydrate=1"
SECRET = {"why", "score", "features", "sources", "pinned_by", "margin", "stock", "availability", "rules"}
"""What the ranker, the buyer and the merchandiser know. `score` of a module is there, but empty."""


def _keys(value: Any) -> set[str]:
    """The names of all fields that hold something."""
    if isinstance(value, dict):
        held = {name: inner for name, inner in value.items() if inner is not None}
        return set(held).union(*map(_keys, held.values()))
    return set().union(*map(_keys, value)) if isinstance(value, list) else set()


async def test_a_page_holds_nothing_that_is_not_the_publics(keyed: Keyed) -> None:
    house, client, keys = keyed
    await house.write(state_after_views(["sneakers-0001"]))
    answer = await client.get(HOME, headers=keys.headers("publishable", keys.token(ANN)))
    assert not _keys(answer.json()) & SECRET
    explained = await client.get(HOME + "&explain=1", headers=keys.headers("server"))
    assert {"why", "score", "features", "sources"} <= _keys(explained.json())


async def test_a_pushed_page_neither(keyed: Keyed) -> None:
    house, _, keys = keyed
    headers = keys.headers("publishable", keys.token(ANN))
    async with open_page(house, headers=headers, hydrate=1) as page:
        assert not _keys(msgspec.to_builtins((await page.next()).layout())) & SECRET


@pytest.mark.parametrize(
    "query",
    [
        "explain=1",
        "explain=true",
        "%65xplain=1",
        "explain=%31",
        "explain=0&explain=1",
        "explain=1&explain=0",
        "explain=TRUE",
        "explain=01",
        "explain",
        "explain=yes",
        "EXPLAIN=1",
        "explain[]=1",
        "debug=1",
        "scope=debug",
        "fields=why",
        "journey=1",
    ],
)
async def test_no_spelling_of_a_parameter_opens_explanations(keyed: Keyed, query: str) -> None:
    house, client, keys = keyed
    await house.write(state_after_views(["sneakers-0001"]))
    answer = await client.get(f"{HOME}&{query}", headers=keys.headers("publishable", keys.token(ANN)))
    assert answer.status_code in (400, 403)


async def test_a_stored_page_with_explanations_is_never_what_the_public_gets(keyed: Keyed) -> None:
    """Who may see them asks first; the same page is then asked for without."""
    house, client, keys = keyed
    await house.write(state_after_views(["sneakers-0001"]))
    await client.get(HOME + "&explain=1", headers=keys.headers("read"))
    answer = await client.get(HOME, headers=keys.headers("publishable", keys.token(ANN)))
    assert not _keys(answer.json()) & SECRET
    assert msgspec.json.decode(answer.content, type=Layout).visitor_id == ANN


@pytest.mark.parametrize(
    "more", [{"kind": "admin"}, {"roles": ["read"]}, {"sub": "u:victim"}, {"iss": "etalage"}, {"exp": 9e9}]
)
async def test_a_token_request_sets_nothing_else(keyed: Keyed, more: dict[str, Any]) -> None:
    _, client, keys = keyed
    for key in ("publishable", "server"):
        answer = await client.post("/v1/visitor-tokens", json=more, headers=keys.headers(key))
        assert answer.status_code == 400


async def test_what_an_event_says_of_itself_does_not_count(keyed: Keyed) -> None:
    """Who it is about, when it arrived and where it stands are ours to say."""
    house, client, keys = keyed
    claimed = {"visitor": "u:victim", "token": "1.0.0", "offset": 0, "status": "accepted", "arrival": 0}
    claimed |= {"source": "abcd", "headers": {"source": "abcd"}}
    headers = keys.headers("publishable", keys.token(ANN), source="abcd")
    answer = await client.post("/v1/events", json=event() | claimed, headers=headers)
    assert answer.json()["results"][0]["token"] != "1.0.0"
    assert [message.key for message in house.log.messages] == [ANN.encode()]
    assert [message.headers for message in house.log.messages] == [[]]  # the client's address is not public


@pytest.mark.parametrize("where", ["", "pages", "modules", "rules"])
async def test_a_storefront_takes_no_field_that_it_does_not_know(keyed: Keyed, where: str) -> None:
    _, client, keys = keyed
    body: dict[str, Any] = {where: [{"id": "x", "role": "admin"}]} if where else {"role": "admin"}
    answer = await client.put("/v1/storefront", json=body, headers=keys.headers("merchandise"))
    assert answer.status_code == 422
