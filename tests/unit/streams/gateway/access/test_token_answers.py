"""Whom two cookies prove, and which answers hand a token over."""

from __future__ import annotations

from streams.gateway.access.credentials import COOKIE, VISITOR_HEADER
from tests.unit.streams.gateway.access.conftest import Keyed
from tests.unit.streams.gateway.access.test_visitor_tokens import DAY, HOME, get_home


async def test_of_two_cookies_none_is_believed(keyed: Keyed) -> None:
    """A page of a sibling domain can set one beside ours, and would choose whom its victim acts for."""
    _, client, keys = keyed
    for first, second in (("a:mallory", "a:ann"), ("a:ann", "a:mallory")):
        both = f"{keys.token(first)}; {COOKIE}={keys.token(second)}"
        assert (await get_home(client, keys, visitor="a:mallory", cookie=both)).status_code == 403
        assert (await get_home(client, keys, cookie=both)).json()["visitor_id"] not in (first, second)


async def test_behind_tls_only_a_cookie_that_no_sibling_domain_can_set_is_believed(keyed: Keyed) -> None:
    """A victim without one would else act for the visitor whom the sibling's page chose."""
    _, client, keys = keyed
    tls = {"x-forwarded-proto": "https"}
    mallory, ann = keys.token("a:mallory"), keys.token("a:ann")
    for cookies, visitor in (
        (f"{COOKIE}={mallory}", None),
        (f"__Host-{COOKIE}={ann}", "a:ann"),
        (f"{COOKIE}={mallory}; __Host-{COOKIE}={ann}", "a:ann"),
    ):
        headers = keys.headers("publishable", cookie=cookies, **tls)
        answered = (await client.get(HOME, headers=headers)).json()["visitor_id"]
        assert answered == visitor or (visitor is None and answered != "a:mallory")


async def test_no_answer_that_a_cache_may_keep_has_a_token(keyed: Keyed) -> None:
    house, client, keys = keyed
    token = (await get_home(client, keys)).headers[VISITOR_HEADER]
    house.clock.advance(5 * DAY)
    headers = keys.headers("publishable", token)
    for path in ("/demo/assortment.json", "/demo/", "/v1/openapi.json", "/livez", "/nothing"):
        answer = await client.get(path, headers=headers)
        assert (VISITOR_HEADER in answer.headers, "set-cookie" in answer.headers) == (False, False), path
    for answer in (
        await client.get(HOME, headers=headers),
        await client.post("/v1/events", json=[], headers=headers),
    ):
        assert (VISITOR_HEADER in answer.headers, answer.headers["cache-control"]) == (True, "no-store")
