"""A gateway in memory that has keys, and tokens as a shop's server makes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jwt
import msgspec

from schemas.api_keys import ApiKey, Kind, issue_key
from streams.gateway.access.credentials import KEY_HEADER, VISITOR_HEADER
from tests.unit.streams.gateway.house import NOW_S, House, open_gateway

SHOP, OTHER = "https://shop.example", "https://other.example"
HOUR = 3600
CREATED = NOW_S - HOUR

KINDS: dict[str, dict[str, Any]] = {
    "publishable": {"kind": "publishable", "origins": [SHOP]},
    "server": {"kind": "server"},
    "read": {"kind": "admin", "roles": ["read"]},
    "merchandise": {"kind": "admin", "roles": ["merchandise"]},
    "signing": {"kind": "signing"},
}


class KeyBunch:
    """One key of each kind, by the name that the table of permissions gives it."""

    def __init__(self) -> None:
        made = {name: issue_key(now=CREATED, **options) for name, options in KINDS.items()}
        self.keys: dict[str, ApiKey] = {name: key for name, (key, _) in made.items()}
        self.texts: dict[str, str] = {name: text for name, (_, text) in made.items()}

    def give(self, house: House) -> None:
        house.gateway.key_ring.update(list(self.keys.values()))

    def add(self, house: House, name: str, kind: Kind, now: float = CREATED, **options: Any) -> str:
        self.keys[name], self.texts[name] = issue_key(kind, now=now, **options)
        self.give(house)
        return self.texts[name]

    def revoke(self, house: House, name: str) -> None:
        self.keys[name] = msgspec.structs.replace(self.keys[name], revoked=int(NOW_S), secret="")
        self.give(house)

    def headers(self, name: str, token: str | None = None, **more: str) -> dict[str, str]:
        headers = {KEY_HEADER: self.texts[name]} | more
        return headers if token is None else headers | {VISITOR_HEADER: token}

    def token(self, visitor: str = "u:ann", *, ttl_s: float = HOUR, **claims: Any) -> str:
        text = self.texts["signing"]
        payload = {"sub": visitor, "exp": NOW_S + ttl_s} | claims
        return jwt.encode(payload, text, algorithm="HS256", headers={"kid": text.split("_")[1]})


@asynccontextmanager
async def keyed_gateway(**settings: Any) -> AsyncIterator[tuple[House, httpx.AsyncClient, KeyBunch]]:
    """A running gateway with one key of each kind."""
    bunch = KeyBunch()
    async with open_gateway(**settings) as (house, client):
        bunch.give(house)
        yield house, client, bunch
