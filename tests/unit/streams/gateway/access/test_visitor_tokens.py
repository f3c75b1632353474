"""Tokens of all sorts: good ones, wrong ones, another visitor's, and those that the gateway makes."""

from __future__ import annotations

import base64
import json
import warnings
from typing import Any

import httpx
import jwt
import pytest

from streams.gateway.access import visitor_tokens
from streams.gateway.access.credentials import COOKIE, VISITOR_HEADER
from streams.gateway.access.visitor_tokens import ANONYMOUS_TTL_S, BYTES_MAX, USER_TTL_S
from streams.gateway.layouts.hub import HEARTBEAT_S
from tests.unit.streams.gateway.access.conftest import Keyed
from tests.unit.streams.gateway.access.keyed import HOUR, SHOP, KeyBunch
from tests.unit.streams.gateway.browser import open_page
from tests.unit.streams.gateway.house import NOW_S, House, event

DAY = 24 * HOUR
HOME = "/v1/layouts/home"


async def get_home(
    client: httpx.AsyncClient,
    keys: KeyBunch,
    token: str | None = None,
    *,
    visitor: str | None = None,
    cookie: str = "",
) -> httpx.Response:
    client.cookies.clear()
    parameters = {} if visitor is None else {"visitor": visitor}
    more = {"cookie": f"other=1; {COOKIE}={cookie}"} if cookie else {}
    return await client.get(HOME, params=parameters, headers=keys.headers("publishable", token, **more))


def refused(house: House, reason: str) -> float:
    return house.metric(f'etalage_access_refused_total{{reason="{reason}"}}')


async def test_a_token_lets_its_visitor_in_and_nobody_else(keyed: Keyed) -> None:
    house, client, keys = keyed
    token = keys.token("u:ann")
    assert (await get_home(client, keys, token, visitor="u:ann")).json()["visitor_id"] == "u:ann"
    assert (await get_home(client, keys, token)).json()["visitor_id"] == "u:ann"
    stranger = await get_home(client, keys, token, visitor="u:bob")
    nobody = await get_home(client, keys, token, visitor="u:never-seen")
    assert (stranger.status_code, stranger.content) == (403, nobody.content)
    assert (await get_home(client, keys, visitor="a:guessed")).status_code == 403
    assert refused(house, "other_visitor") == 3


def _with_header(token: str, **header: Any) -> str:
    first, _, rest = token.partition(".")
    changed = json.loads(base64.urlsafe_b64decode(first + "==")) | header
    return base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=") + "." + rest


def _signed(keys: KeyBunch, claims: dict[str, Any], *, algorithm: str = "HS256", kid: object = None) -> str:
    text = keys.texts["signing"]
    headers = {"kid": text.split("_")[1] if kid is None else kid}
    with warnings.catch_warnings(action="ignore"):  # a key that is short for HS512
        return jwt.encode(claims, text if algorithm != "none" else "", algorithm=algorithm, headers=headers)


GOOD = {"sub": "u:ann", "exp": NOW_S + HOUR}


def wrong_tokens(keys: KeyBunch) -> list[tuple[str, str]]:
    good = keys.token()
    head, body, signature = good.split(".")
    other = body[:-2] + ("AA" if body[-2:] != "AA" else "BB")
    return [
        ("token_malformed", "nonsense"),
        ("token_malformed", good[:-20].rpartition(".")[0]),
        ("token_malformed", "a.b.c"),
        ("token_malformed", "x" * (BYTES_MAX + 1)),
        ("token_malformed", _signed(keys, GOOD, algorithm="none")),
        ("token_malformed", _signed(keys, GOOD, algorithm="HS512")),
        ("token_malformed", _with_header(good, alg="none")),
        ("token_malformed", _with_header(good, alg="RS256")),
        ("token_malformed", _signed(keys, {"sub": "u:ann"})),
        ("token_malformed", _signed(keys, {"exp": NOW_S + HOUR})),
        ("token_malformed", _signed(keys, GOOD | {"sub": "ann"})),
        ("token_malformed", _signed(keys, GOOD | {"sub": "u:"})),
        ("token_malformed", _signed(keys, GOOD | {"exp": "tomorrow"})),
        ("token_malformed", _signed(keys, GOOD | {"exp": True})),
        ("token_unknown_key", _signed(keys, GOOD, kid="0000000000")),
        ("token_unknown_key", _with_header(good, kid=keys.texts["server"].split("_")[1])),
        ("token_signature", good[:-5] + ("AAAAA" if good[-5:] != "AAAAA" else "BBBBB")),
        ("token_signature", f"{head}.{other}.{signature}"),
        ("token_signature", f"{head}.{body}."),
        ("token_signature", jwt.encode(GOOD, "x" * 40, headers={"kid": keys.texts["signing"].split("_")[1]})),
        ("token_expired", keys.token(ttl_s=-1)),
        ("token_lifetime", keys.token(ttl_s=USER_TTL_S + HOUR)),
        ("token_lifetime", keys.token("a:ann", ttl_s=ANONYMOUS_TTL_S + HOUR)),
        ("token_lifetime", keys.token(exp=float("inf"))),
        ("token_lifetime", keys.token(exp=float("nan"))),
        ("token_lifetime", keys.token(nbf=NOW_S + HOUR)),
    ]


async def test_wrong_tokens_are_refused_and_counted_by_what_is_wrong(keyed: Keyed) -> None:
    house, client, keys = keyed
    assert (await get_home(client, keys, keys.token())).status_code == 200
    for reason, token in wrong_tokens(keys):
        before = refused(house, reason)
        for _ in range(2):
            answer = await get_home(client, keys, token, visitor="u:ann")
            assert answer.status_code == 401, (reason, token, answer.text)
        assert refused(house, reason) == before + 2, (reason, token)


async def test_a_token_that_was_good_expires(keyed: Keyed) -> None:
    house, client, keys = keyed
    token = keys.token(ttl_s=60)
    assert (await get_home(client, keys, token)).status_code == 200
    house.clock.advance(61)
    assert (await get_home(client, keys, token)).status_code == 401


async def test_a_revoked_key_takes_its_tokens_with_it_and_a_second_one_goes_on(keyed: Keyed) -> None:
    house, client, keys = keyed
    old = keys.token()
    keys.add(house, "second", "signing", now=NOW_S)
    assert (await get_home(client, keys, old)).status_code == 200
    keys.revoke(house, "signing")
    assert (await get_home(client, keys, old)).status_code == 401
    fresh = await get_home(client, keys)
    assert (await get_home(client, keys, fresh.headers[VISITOR_HEADER])).status_code == 200


async def test_a_new_key_signs_when_all_gateways_know_it(keyed: Keyed) -> None:
    house, _, keys = keyed
    keys.add(house, "second", "signing", now=NOW_S)
    ring = house.gateway.key_ring
    assert ring.signer(NOW_S) == keys.keys["signing"]
    assert ring.signer(NOW_S + 10) == keys.keys["second"]


async def test_a_first_answer_carries_a_token_of_an_id_that_nobody_guesses(keyed: Keyed) -> None:
    _, client, keys = keyed
    first, second = [await get_home(client, keys) for _ in range(2)]
    visitor = first.json()["visitor_id"]
    assert visitor.startswith("a:")
    assert len(visitor) == 2 + 32
    assert visitor != second.json()["visitor_id"]
    token = first.headers[VISITOR_HEADER]
    cookie = first.headers["set-cookie"]
    assert cookie.startswith(
        f"{COOKIE}={token}; Path=/; Max-Age={ANONYMOUS_TTL_S}; HttpOnly; SameSite=Strict"
    )
    assert "Secure" not in cookie
    posted = await client.post(
        "/v1/events", json=event(visitor=visitor[2:]), headers=keys.headers("publishable", token)
    )
    assert posted.json()["results"][0]["status"] == "accepted"
    again = await get_home(client, keys, token, visitor=visitor)
    assert VISITOR_HEADER not in again.headers
    assert "set-cookie" not in again.headers


async def test_behind_tls_the_cookie_is_for_tls_alone(keyed: Keyed) -> None:
    _, client, keys = keyed
    answer = await client.get(HOME, headers=keys.headers("publishable", **{"x-forwarded-proto": "https"}))
    cookie, token = answer.headers["set-cookie"], answer.headers[VISITOR_HEADER]
    assert (cookie.partition(";")[0], cookie[-8:]) == (f"__Host-{COOKIE}={token}", "; Secure")


async def test_an_existing_id_gets_no_token(keyed: Keyed) -> None:
    _, client, keys = keyed
    for token in (None, keys.token("a:me")):
        answer = await client.post(
            "/v1/visitor-tokens", json={"visitor": "a:ann"}, headers=keys.headers("publishable", token)
        )
        assert answer.status_code == 403
        assert VISITOR_HEADER not in answer.headers


async def test_an_anonymous_visitor_who_comes_back_stays_the_same(keyed: Keyed) -> None:
    house, client, keys = keyed
    first = await get_home(client, keys)
    token, visitor = first.headers[VISITOR_HEADER], first.json()["visitor_id"]
    for _ in range(20):
        house.clock.advance(5 * DAY)
        answer = await get_home(client, keys, cookie=token)
        assert answer.json()["visitor_id"] == visitor
        token = answer.headers[VISITOR_HEADER]
        assert f"{COOKIE}={token}" in answer.headers["set-cookie"]


async def test_what_the_shop_made_short_stays_short(keyed: Keyed) -> None:
    _, client, keys = keyed
    answer = await get_home(client, keys, keys.token("a:ann", ttl_s=60))
    assert (answer.status_code, VISITOR_HEADER in answer.headers) == (200, False)


async def test_a_cookie_that_proves_nothing_any_more_does_not_lock_its_browser_out(keyed: Keyed) -> None:
    house, client, keys = keyed
    answer = await get_home(client, keys, cookie=keys.token("a:old", ttl_s=-1))
    assert (answer.status_code, refused(house, "token_expired")) == (200, 1)
    assert answer.json()["visitor_id"] != "a:old"
    assert (
        await get_home(client, keys, visitor="a:old", cookie=keys.token("a:old", ttl_s=-1))
    ).status_code == 403


async def test_the_stream_takes_the_cookie_and_the_key_in_the_address(keyed: Keyed) -> None:
    house, _, keys = keyed
    cookie = {"cookie": f"{COOKIE}={keys.token('a:ann')}"}
    async with open_page(house, headers=cookie, key=keys.texts["publishable"]) as page:
        assert (await page.next()).layout().visitor_id == "a:ann"
    async with open_page(house, headers=cookie, key=keys.texts["publishable"], visitor="a:bob") as page:
        await page.start()
        assert page.status == 403


@pytest.mark.parametrize("lost", ["key", "token", "nothing"])
async def test_an_open_stream_ends_when_its_key_or_its_token_does(keyed: Keyed, lost: str) -> None:
    house, _, keys = keyed
    cookie = {"cookie": f"{COOKIE}={keys.token('a:ann', ttl_s=60)}"}
    async with open_page(house, headers=cookie, key=keys.texts["publishable"]) as page:
        await page.next()
        if lost == "key":
            keys.revoke(house, "publishable")
        elif lost == "token":
            house.clock.advance(61)
        if lost == "nothing":
            await page.next(HEARTBEAT_S + 1)
            assert not page.ended
        else:
            await page.await_end(HEARTBEAT_S + 1)


async def test_a_stream_whose_answer_made_its_visitor_goes_on(keyed: Keyed) -> None:
    house, _, keys = keyed
    async with open_page(house, key=keys.texts["publishable"], visitor=None) as page:
        await page.next()
        for _ in range(3):
            await page.next(HEARTBEAT_S + 1)
        assert not page.ended


async def test_an_event_that_links_a_browser_to_a_user_needs_both_proofs(keyed: Keyed) -> None:
    house, client, keys = keyed
    both = event(visitor="ann", user_id="ann")
    shopper, browser = keys.token("u:ann"), keys.token("a:ann")
    cases = {shopper: "$.anonymous_id", browser: "$.user_id", f"{shopper}, {browser}": None}
    for token, field in cases.items():
        answer = await client.post("/v1/events", json=both, headers=keys.headers("publishable", token))
        assert answer.json()["results"][0].get("field") == field
    headers = keys.headers("publishable", shopper, cookie=f"{COOKIE}={browser}")
    assert (await client.post("/v1/events", json=both, headers=headers)).json()["results"][0]["token"]
    third = keys.headers("publishable", f"{shopper},{keys.token('u:bob')},{browser}")
    assert (await client.post("/v1/events", json=both, headers=third)).json()["results"][0]["field"]
    assert refused(house, "other_visitor") == 3
    server = await client.post("/v1/events", json=both, headers=keys.headers("server"))
    assert server.json()["results"][0]["status"] == "accepted"


async def test_the_shops_server_gets_tokens_of_whom_it_names(keyed: Keyed) -> None:
    _, client, keys = keyed

    async def ask(body: dict[str, Any], key: str = "server", token: str | None = None) -> httpx.Response:
        return await client.post("/v1/visitor-tokens", json=body, headers=keys.headers(key, token))

    made = (await ask({"visitor": "u:ann", "ttl_s": 600})).json()
    assert (made["visitor"], made["expires_at"]) == ("u:ann", NOW_S + 600)
    assert (await get_home(client, keys, made["token"])).json()["visitor_id"] == "u:ann"
    assert (await ask({})).json()["visitor"].startswith("a:")
    for body in ({"visitor": "ann"}, {"visitor": "u:ann", "ttl_s": USER_TTL_S + 1}, {"user": "u:ann"}):
        assert (await ask(body)).status_code == 400
    page = (await ask({}, "publishable")).json()
    assert page["visitor"].startswith("a:")
    same = (await ask({"visitor": page["visitor"]}, "publishable", page["token"])).json()
    assert same["visitor"] == page["visitor"]


async def test_without_a_key_that_signs_a_page_is_told_so(keyed: Keyed) -> None:
    house, client, keys = keyed
    keys.revoke(house, "signing")
    answer = await get_home(client, keys)
    assert (answer.status_code, "keys create --kind signing" in answer.text) == (409, True)
    headers = {"origin": SHOP} | keys.headers("publishable")
    beacon = await client.post("/v1/events", content=b"[]", headers=headers)
    assert beacon.status_code == 200


async def test_remembered_tokens_are_bounded(keyed: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    house, _, keys = keyed
    tokens = house.gateway.visitor_tokens
    monkeypatch.setattr(visitor_tokens, "REMEMBERED_MAX", 100)
    for number in range(300):
        tokens.verify(keys.token(f"u:{number}").encode())
    assert len(tokens._verified) == 100
