"""Who sends what it sent before is let in by one look-up: only while that says what the first look would."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from streams.gateway.access import door
from streams.gateway.access.callers import Caller
from streams.gateway.access.credentials import COOKIE, KEY_HEADER, VISITOR_HEADER
from streams.gateway.access.door import KnownCallers
from tests.unit.streams.gateway.access.conftest import Keyed
from tests.unit.streams.gateway.access.keyed import HOUR, OTHER, SHOP, KeyBunch, keyed_gateway
from tests.unit.streams.gateway.access.test_visitor_tokens import DAY, HOME, get_home
from tests.unit.streams.gateway.house import House
from tests.unit.streams.gateway.http.served import serve


def kept_by(house: House) -> KnownCallers:
    return house.gateway.app._known


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A line for each request that was not let in by what is kept."""
    made: list[str] = []
    enter = door.Door._enter

    def enter_and_note(self: door.Door, scope: Any, query_key: bytes) -> Any:
        made.append(scope["path"])
        return enter(self, scope, query_key)

    monkeypatch.setattr(door.Door, "_enter", enter_and_note)
    return made


@pytest.mark.parametrize("name", ["publishable", "server", "read"])
async def test_the_same_is_looked_at_once(keyed: Keyed, name: str, looks: list[str]) -> None:
    _, client, keys = keyed
    token = keys.token() if name == "publishable" else None
    answers = [
        await client.get(f"{HOME}?visitor=u:ann", headers=keys.headers(name, token, origin=SHOP))
        for _ in range(3)
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].headers == answers[1].headers == answers[2].headers
    assert len(looks) == 1


async def test_a_key_in_the_address_leaves_it_each_time(keyed: Keyed, looks: list[str]) -> None:
    _, client, keys = keyed
    address = f"{HOME}?key={keys.texts['publishable']}&visitor=u:ann"
    headers = {"cookie": f"sid=1; {COOKIE}={keys.token()}"}
    assert [(await client.get(address, headers=headers)).status_code for _ in range(3)] == [200, 200, 200]
    assert len(looks) == 1


@pytest.mark.parametrize("revoked", ["publishable", "signing"])
async def test_what_was_revoked_is_refused_on_an_open_connection(keyed: Keyed, revoked: str) -> None:
    house, _, keys = keyed
    lines = [f"GET {HOME} HTTP/1.1", "host: shop", *(f"{n}: {v}" for n, v in sent(keys).items()), "", ""]
    async with serve(house.gateway.app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        statuses = []
        for turn in range(4):
            if turn == 2:
                keys.revoke(house, revoked)
            writer.write("\r\n".join(lines).encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            statuses.append(int(head[9:12]))
        writer.close()
    assert statuses == [200, 200, 401, 401]


def sent(keys: KeyBunch, visitor: str = "u:ann", **more: str) -> dict[str, str]:
    return keys.headers("publishable", keys.token(visitor), **more)


async def test_a_token_expires_to_the_second(keyed: Keyed) -> None:
    house, client, keys = keyed
    headers = sent(keys, origin=SHOP)
    for seconds, status in ((0, 200), (HOUR - 0.001, 200), (0.001, 401), (HOUR, 401)):
        house.clock.advance(seconds)
        assert (await client.get(HOME, headers=headers)).status_code == status


async def test_a_new_token_is_given_when_it_is_due(keyed: Keyed) -> None:
    house, client, keys = keyed
    token = (await get_home(client, keys)).headers[VISITOR_HEADER]
    given = []
    for seconds in (0, 0, DAY, 1, 1):
        house.clock.advance(seconds)
        given.append(VISITOR_HEADER in (await get_home(client, keys, token)).headers)
    assert given == [False, False, False, True, True]


CHANGES: dict[str, tuple[Callable[[KeyBunch], dict[str, str]], int]] = {
    "another token": (lambda keys: {VISITOR_HEADER: keys.token("u:bob")}, 403),
    "a token cut short": (lambda keys: {VISITOR_HEADER: keys.token()[:-3]}, 401),
    "another key": (lambda keys: {KEY_HEADER: keys.texts["publishable"][:-1] + "-"}, 401),
    "a bearer beside it": (lambda keys: {"authorization": "Bearer pk_x_y"}, 401),
    "another origin": (lambda keys: {"origin": OTHER}, 403),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_differs_is_looked_at_anew(keyed: Keyed, change: str, looks: list[str]) -> None:
    _, client, keys = keyed
    more, refused = CHANGES[change]
    headers = sent(keys, origin=SHOP)
    address = f"{HOME}?visitor=u:ann"
    for changed, status in ((False, 200), (True, refused), (True, refused), (False, 200)):
        asked = headers | more(keys) if changed else headers
        assert (await client.get(address, headers=asked)).status_code == status
    assert len(looks) == (2 if change == "another token" else 3)


async def test_a_second_address_has_a_bucket_of_its_own() -> None:
    async with keyed_gateway(address_rate=1.0, proxies="127.0.0.0/8") as (_, client, keys):
        reasons = [
            (await client.get(HOME, headers=sent(keys) | {"x-forwarded-for": address})).json()["reason"]
            for address in ["9.9.9.9"] * 6 + ["8.8.8.8", "9.9.9.9"]
        ]
    assert [reason == "overload" for reason in reasons] == [False] * 5 + [True, False, True]


async def test_who_proves_nothing_is_somebody_new_each_time(keyed: Keyed) -> None:
    house, client, keys = keyed
    tokens = {(await get_home(client, keys)).headers[VISITOR_HEADER] for _ in range(3)}
    assert (len(tokens), len(kept_by(house))) == (3, 0)


async def test_a_token_asked_for_goes_with_no_other_answer(keyed: Keyed) -> None:
    """An anonymous one, by a page of a user who signed in: it is another visitor's."""
    _, client, keys = keyed
    headers = sent(keys, origin=SHOP)
    for _ in range(2):
        assert VISITOR_HEADER not in (await client.get(HOME, headers=headers)).headers
        made = await client.post("/v1/visitor-tokens", json={}, headers=headers)
        assert made.json()["visitor"].startswith("a:")


def test_nobody_signs_for_a_caller_of_many_requests() -> None:
    caller = Caller(frozenset({"publishable"}), tokens=object())  # type: ignore[arg-type]  # never asked
    caller.same_until = 1.0
    with pytest.raises(AssertionError):
        caller.sign_anonymous()


async def test_a_cookie_that_proves_nothing_is_counted_each_time(keyed: Keyed) -> None:
    house, client, keys = keyed
    for _ in range(3):
        assert (await get_home(client, keys, keys.token(), cookie="no token")).status_code == 200
    assert house.metric('etalage_access_refused_total{reason="token_malformed"}') == 3
    assert len(kept_by(house)) == 0


async def test_what_is_kept_is_bounded(keyed: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    house, client, keys = keyed
    monkeypatch.setattr(door, "KEPT_MAX", 3)
    for n in range(10):
        assert (await client.get(HOME, headers=sent(keys, f"u:{n}"))).status_code == 200
    assert len(kept_by(house)) == 3
    keys.add(house, "second", "server")
    long = sent(keys) | {"cookie": "a=" + "b" * door.KEPT_BYTES_MAX}
    for headers in (long, {KEY_HEADER: "pk_no_key"}, {}):
        await client.get(HOME, headers=headers)
    assert len(kept_by(house)) == 0
