"""API1, broken object level authorization: another visitor's id with my token, in many disguises."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.ids import VisitorId
from streams.gateway.access.permissions import PERMISSIONS
from tests.unit.streams.gateway.access.conftest import Keyed
from tests.unit.streams.gateway.access.keyed import SHOP
from tests.unit.streams.gateway.browser import open_page
from tests.unit.streams.gateway.house import event, state_after_views

MINE, OTHERS, NOBODYS = "a:me", "u:victim", "u:never-seen"
HOME = "/v1/layouts/home"
STREAM = "/v1/layouts/{page}/stream"

DISGUISES = [
    "visitor=u:victim",
    "visitor=u%3Avictim",
    "visitor=%75:victim",
    "visitor=U:victim",
    "visitor=u:victim%00",
    "visitor=u:victim%0A",
    "visitor=u:victim%20",
    "visitor=+u:victim",
    "visitor=a:me&visitor=u:victim",
    "visitor=u:victim&visitor=a:me",
    "visitor[]=u:victim",
    "%76isitor=u:victim",
    "visitor=u:victim;visitor=a:me",
    "visitor=a:me,u:victim",
    "visitor=u%EF%BC%9Avictim",
    "visitor=u:*",
    "visitor=*",
    "visitor=",
    "visitor=../u:victim",
    "user=u:victim",
    "visitor_id=u:victim",
]


def test_every_route_of_a_publishable_key_is_asked_here() -> None:
    """A new one for proven visitors needs its line in this file."""
    routes = {route for route, permission in PERMISSIONS.items() if "publishable" in permission.grants}
    assert routes == {
        ("/v1/layouts/{page}", "GET"),
        (STREAM, "GET"),
        ("/v1/events", "POST"),
        ("/v1/adapters/{name}", "POST"),
        ("/v1/visitor-tokens", "POST"),
    }


@pytest.mark.parametrize("theirs", [{"userId": "victim"}, {"anonymousId": "me", "userId": "victim"}], ids=str)
async def test_no_event_in_another_format_is_written_for_another_visitor(
    keyed: Keyed, theirs: dict[str, str]
) -> None:
    house, client, keys = keyed
    look = {"type": "track", "event": "Signed In", "messageId": "1", "timestamp": "2026-11-24T15:00:00Z"}
    answer = await client.post(
        "/v1/adapters/segment",
        json=look | theirs,
        headers=keys.headers("publishable", keys.token(MINE), origin=SHOP),
    )
    assert [result["status"] for result in answer.json()["results"]] == ["rejected"]
    assert not house.log.messages


@pytest.mark.parametrize("query", DISGUISES)
async def test_no_disguise_of_an_id_shows_another_visitors_page(keyed: Keyed, query: str) -> None:
    house, client, keys = keyed
    await house.write(state_after_views(["sneakers-0001"]), VisitorId(OTHERS))
    headers = keys.headers("publishable", keys.token(MINE))
    answer = await client.get(f"{HOME}?{query}", headers=headers)
    assert answer.status_code in (400, 403)
    assert b"slots" not in answer.content
    head = await client.head(f"{HOME}/stream?{query}", headers=headers)
    assert head.status_code in (400, 403)


async def test_the_refusal_does_not_say_whether_there_is_such_a_visitor(keyed: Keyed) -> None:
    house, client, keys = keyed
    await house.write(state_after_views(["sneakers-0001"]), VisitorId(OTHERS))
    headers = keys.headers("publishable", keys.token(MINE))
    known, unknown = [
        await client.get(HOME, params={"visitor": visitor}, headers=headers) for visitor in (OTHERS, NOBODYS)
    ]
    assert known.status_code == unknown.status_code == 403
    assert (known.content, known.headers) == (unknown.content, unknown.headers)


async def test_a_stream_of_another_visitor_does_not_begin(keyed: Keyed) -> None:
    house, _, keys = keyed
    headers = keys.headers("publishable", keys.token(MINE))
    for visitor, status in ((OTHERS, 403), (MINE, 200)):
        async with open_page(house, headers=headers, visitor=visitor) as page:
            await page.start()
            assert page.status == status


@pytest.mark.parametrize(
    "ids",
    [
        {"user_id": "victim"},
        {"anonymous_id": "other"},
        {"anonymous_id": "me", "user_id": "victim"},
        {"anonymous_id": "other", "user_id": "me"},
        {"anonymous_id": "me\u0000", "user_id": None},
    ],
    ids=str,
)
async def test_no_event_is_written_for_another_visitor(keyed: Keyed, ids: dict[str, Any]) -> None:
    house, client, keys = keyed
    body = {
        name: value for name, value in (event() | {"anonymous_id": None} | ids).items() if value is not None
    }
    batch = [event(1, "me"), body, event(2, "me")]
    answer = await client.post(
        "/v1/events", json=batch, headers=keys.headers("publishable", keys.token(MINE))
    )
    assert [one["status"] for one in answer.json()["results"]] == ["accepted", "rejected", "accepted"]
    assert [message.key for message in house.log.messages] == [MINE.encode()] * 2


async def test_a_misspelt_id_names_nobody(keyed: Keyed) -> None:
    house, client, keys = keyed
    body = event() | {"anonymous_id": "me", "user_id": "", "userId": "victim"}
    answer = await client.post("/v1/events", json=body, headers=keys.headers("publishable", keys.token(MINE)))
    assert answer.json()["results"][0]["notes"][0]["field"] == "$.userId"
    assert [message.key for message in house.log.messages] == [MINE.encode()]
    assert b"victim" not in house.log.messages[0].value


@pytest.mark.parametrize("visitor", [OTHERS, NOBODYS, "a:other", "a:me\n", "a:ME"])
async def test_nobody_gets_the_token_of_a_visitor_it_names(keyed: Keyed, visitor: str) -> None:
    _, client, keys = keyed
    for token in (None, keys.token(MINE)):
        headers = keys.headers("publishable", token)
        answer = await client.post("/v1/visitor-tokens", json={"visitor": visitor}, headers=headers)
        assert answer.status_code in (400, 403)
        assert "token" not in answer.json()
        assert "set-cookie" not in answer.headers
