"""API2, broken authentication: keys and tokens that are cut, changed, swapped, outdated or guessed."""

from __future__ import annotations

import base64
import json

import jwt
import pytest

from streams.gateway.access.credentials import COOKIE
from tests.unit.streams.gateway.access.conftest import Keyed
from tests.unit.streams.gateway.access.keyed import HOUR, KeyBunch
from tests.unit.streams.gateway.house import ANN, NOW_S

HOME = "/v1/layouts/home"
GUESSES = 500


def _b64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def forged(keys: KeyBunch) -> dict[str, str]:
    """Tokens for u:victim that nobody with a signing key made."""
    secret = keys.texts["signing"]
    kid, claims = secret.split("_")[1], {"sub": "u:victim", "exp": NOW_S + HOUR}
    _, body, signature = keys.token("u:victim").split(".")
    publishable = keys.texts["publishable"]
    return {
        "no algorithm": f"{_b64({'alg': 'none', 'kid': kid})}.{body}.",
        "spelt otherwise": f"{_b64({'alg': 'nOnE', 'kid': kid})}.{body}.",
        "public key": f"{_b64({'alg': 'RS256', 'kid': kid})}.{body}.{signature}",
        "empty secret": jwt.encode(claims, "x" * 32, headers={"kid": kid}).rsplit(".", 1)[0] + ".",
        "signed by the publishable key": jwt.encode(
            claims, publishable, headers={"kid": publishable.split("_")[1]}
        ),
        "key sent along": jwt.encode(
            claims, "x" * 32, headers={"kid": kid, "jwk": {"kty": "oct", "k": "eA"}, "jku": "https://evil"}
        ),
        "path as kid": jwt.encode(claims, "x" * 32, headers={"kid": "../../dev/null"}),
        "no kid": jwt.encode(claims, secret),
        "no end": jwt.encode({"sub": "u:victim"}, secret, headers={"kid": kid}),
        "ended": keys.token("u:victim", ttl_s=-1),
        "for ever": keys.token("u:victim", ttl_s=10 * 365 * 24 * HOUR),
        "end before the beginning of time": keys.token("u:victim", exp=-(10**400)),
        "unchecked extension": jwt.encode(claims, secret, headers={"kid": kid, "crit": ["exp2"], "exp2": 1}),
        "a list": f"{_b64({'alg': 'HS256', 'kid': kid})}.{_b64([claims])}.{signature}",
        "nested": f"{_b64({'alg': 'HS256', 'kid': kid})}.{'W1tb' * 200}.{signature}",
        "the key itself": secret,
    }


async def test_no_forged_token_proves_anything(keyed: Keyed) -> None:
    _, client, keys = keyed
    good = {"visitor": "u:victim"}
    headers = keys.headers("publishable", keys.token("u:victim"))
    assert (await client.get(HOME, params=good, headers=headers)).status_code == 200
    for how, token in forged(keys).items():
        answer = await client.get(HOME, params=good, headers=keys.headers("publishable", token))
        assert answer.status_code == 401, how
        cookie = keys.headers("publishable", cookie=f"{COOKIE}={token}")
        assert (await client.get(HOME, params=good, headers=cookie)).status_code == 403, how


async def test_a_token_cut_anywhere_is_none(keyed: Keyed) -> None:
    _, client, keys = keyed
    token = keys.token(ANN)
    for end in range(1, len(token)):
        answer = await client.get(HOME, headers=keys.headers("publishable", token[:end]))
        assert answer.status_code == 401, end


async def test_a_key_cut_or_changed_anywhere_is_none_and_all_are_refused_alike(keyed: Keyed) -> None:
    _, client, keys = keyed
    key = keys.texts["server"]
    cut = [key[:end] for end in range(1, len(key))]
    changed = [key[:at] + ("A" if key[at] != "A" else "B") + key[at + 1 :] for at in range(len(key))]
    answers = [
        await client.get(f"{HOME}?visitor={ANN}", headers={"x-etalage-key": text}) for text in cut + changed
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1, "an answer must not tell how near a guess was"


@pytest.mark.parametrize("name", ["server", "read", "merchandise", "signing"])
async def test_no_secret_key_is_taken_from_an_address_or_as_a_token(keyed: Keyed, name: str) -> None:
    _, client, keys = keyed
    text = keys.texts[name]
    assert (await client.get(f"{HOME}?visitor={ANN}&key={text}")).status_code == 401
    assert (await client.get(f"/metrics?key={text}")).status_code == 401
    assert (await client.get(HOME, headers=keys.headers("publishable", text))).status_code == 401


@pytest.mark.parametrize("name", ["server", "publishable"])
async def test_a_revoked_key_is_refused_even_by_who_used_it_before(keyed: Keyed, name: str) -> None:
    house, client, keys = keyed
    headers = keys.headers(name, keys.token(ANN))
    assert (await client.get(f"{HOME}?visitor={ANN}", headers=headers)).status_code == 200
    keys.revoke(house, name)
    assert (await client.get(f"{HOME}?visitor={ANN}", headers=headers)).status_code == 401


async def test_guesses_are_counted_and_leave_nothing_behind(keyed: Keyed) -> None:
    """How fast one may guess belongs here too, once callers are limited in rate."""
    house, client, keys = keyed
    known = keys.texts["server"].rsplit("_", 1)[0]
    for number in range(GUESSES):
        answer = await client.get(HOME, headers={"authorization": f"Bearer {known}_{number:043}"})
        assert answer.status_code == 401
    assert house.metric('etalage_access_refused_total{reason="wrong_key"}') == GUESSES
    assert house.gateway.key_ring._proven == {}
