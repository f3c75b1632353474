"""API keys: what is stored of one, and how one is made.

A key is 256 random bits, so what is stored is one SHA-256 of it: a slow hash protects what can be guessed, a
password, and here nothing can. A signing key is stored as it is, for whoever checks a signature needs it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Literal

from msgspec import Struct

Kind = Literal["publishable", "server", "admin", "signing"]
Role = Literal["read", "merchandise"]

PREFIXES: Mapping[Kind, str] = {"publishable": "pk", "server": "sk", "admin": "ak", "signing": "vs"}


class ApiKey(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One key; times in epoch seconds.

    `digest` is the SHA-256 of the whole text; `secret` the text itself, of signing keys that are not revoked.
    `origins` are of publishable keys: whose pages may use them (`*`: all). `rate` is what its callers may
    cost each gateway together, units a second; 0 for any.
    """

    id: str
    kind: Kind
    created: int
    digest: str = ""
    secret: str = ""
    roles: tuple[Role, ...] = ()
    origins: tuple[str, ...] = ()
    note: str = ""
    rate: float = 0.0
    revoked: int | None = None

    @property
    def active(self) -> bool:
        """Whether it may still be used."""
        return self.revoked is None


def issue_key(
    kind: Kind,
    *,
    now: float,
    roles: Sequence[Role] = (),
    origins: Sequence[str] = (),
    note: str = "",
    rate: float = 0.0,
) -> tuple[ApiKey, str]:
    """A new key as it is stored, and its text, which nobody can show again: `<prefix>_<id>_<secret>`."""
    key_id = secrets.token_hex(5)
    text = f"{PREFIXES[kind]}_{key_id}_{secrets.token_urlsafe(32)}"
    key = ApiKey(
        id=key_id, kind=kind, created=int(now), roles=tuple(roles), origins=tuple(origins), note=note,
        rate=rate,
        digest="" if kind == "signing" else digest_of(text), secret=text if kind == "signing" else "",
    )  # fmt: skip
    return key, text


def digest_of(text: str) -> str:
    """What is stored of a key's text."""
    return sha256(text.encode()).hexdigest()
