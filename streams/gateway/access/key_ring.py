"""The API keys as this process knows them, read again every few seconds; whether it needs any."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from hmac import compare_digest
from typing import Literal

from msgspec import Struct

from schemas.api_keys import PREFIXES, ApiKey, digest_of
from schemas.errors import EtalageError, error_text
from streams.gateway.access.permissions import Grant
from streams.gateway.access.refusals import UNREAD, Refused
from streams.runtime.settings import Settings, may_be_open
from streams.runtime.telemetry.logs import LogOnce, logger

REFRESH_S, RETRY_S = 2.0, 0.25
READ_WITHIN_S = 1.0
"""A revoked key is refused REFRESH_S + READ_WITHIN_S after its revocation, as long as Redis answers."""

SIGN_AFTER_S = 10
"""A new signing key signs when every gateway has had the time to read it."""

State = Literal["unread", "open", "closed"]

log = logger("keys")
ReadKeys = Callable[[], Awaitable[Sequence[ApiKey] | None]]


class KnownKey(Struct, frozen=True, gc=False):
    """An active key, with what a request asks of it; `origins` as browsers send them."""

    key: ApiKey
    grants: frozenset[Grant]
    origins: frozenset[bytes]


class KeyRing:
    """Finds keys by their text, in constant time of their number.

    `state` is "unread" until Redis has answered once, "open" while there are no keys and none are needed,
    else "closed"; it never opens again once it was closed. While Redis is away the last keys hold. A list
    that could not be read is not an empty one: until then nobody may do anything, whatever ETALAGE_OPEN says.

    Args:
        settings: say whether the gateway may be open.
    """

    def __init__(self, settings: Settings) -> None:
        self._may_be_open = may_be_open(settings)
        self.state: State = "unread"
        self.why_unread = UNREAD
        self.version = 0
        """Counts the changes: what was concluded from the keys of another version is void."""
        self.signing: dict[str, ApiKey] = {}
        self.origins: frozenset[bytes] = frozenset()
        """All that any publishable key allows."""
        self._keys: dict[str, KnownKey] = {}
        self._proven: dict[bytes, KnownKey] = {}
        """By their text, those that were sent since the keys last changed: they are not hashed again."""
        self._known: list[ApiKey] | None = None
        self._trouble, self._loss = LogOnce(), LogOnce()

    def update(self, keys: Sequence[ApiKey] | None) -> None:
        """Go by these keys, revoked ones among them; None when Redis holds none, or has lost them."""
        if keys is None and self._known is not None:
            if self._loss.begins():
                log.error("API keys are gone from Redis", action="the last ones hold until a restart")
            return
        known = None if keys is None else list(keys)
        if known == self._known and self.state != "unread":
            return
        self._known = known
        active = [key for key in known or () if key.active]
        self.signing = {key.id: key for key in active if key.kind == "signing"}
        self._keys = {key.id: _known_key(key) for key in active if key.kind != "signing"}
        self._proven.clear()
        self.origins = frozenset().union(*(known.origins for known in self._keys.values()))
        self.version += 1
        self._set_state("open" if known is None and self._may_be_open else "closed")

    def _set_state(self, state: State) -> None:
        if state == "closed" and self.state != "closed":
            log.info("API keys are required", keys=len(self._keys))
        if state == "open" and self.state != "open":
            log.warning("gateway is open: without API keys everybody who reaches it may do everything")
        self.state = state

    @property
    def open(self) -> bool:
        """Whether everybody may do everything."""
        return self.state == "open"

    @property
    def shows_nobodys_pages(self) -> bool:
        """Whether everybody gets pages about nobody: no key was read yet, and none may be needed."""
        return self.state == "unread" and self._may_be_open

    def find(self, sent: bytes) -> KnownKey:
        """The active key of that text; raises Refused for any other."""
        if proven := self._proven.get(sent):
            return proven
        if self.state == "unread":
            raise Refused(503, "keys_unread", UNREAD)
        text = sent.decode("latin-1")
        prefix, _, rest = text.partition("_")
        known = self._keys.get(rest.partition("_")[0])
        if known is None or prefix != PREFIXES[known.key.kind]:
            raise Refused(401, "unknown_key", "this API key is not, or no longer, known")
        if not compare_digest(digest_of(text), known.key.digest):
            raise Refused(401, "wrong_key", "this API key is not, or no longer, known")
        self._proven[sent] = known
        return known

    def signer(self, now: float) -> ApiKey | None:
        """The key that signs: the newest that every gateway knows by `now` (epoch s), else the oldest."""
        keys = sorted(self.signing.values(), key=lambda key: (key.created, key.id))
        settled = [key for key in keys if key.created <= now - SIGN_AFTER_S]
        return settled[-1] if settled else next(iter(keys), None)

    async def keep_updated(self, read: ReadKeys) -> None:
        """For ever: read the keys again."""
        while True:
            try:
                async with asyncio.timeout(READ_WITHIN_S):
                    self.update(await read())
            except (EtalageError, TimeoutError) as exc:
                self.why_unread = f"{UNREAD}: {error_text(exc)}"
                if self._trouble.begins():
                    log.warning("reading API keys failed", service="redis", error=error_text(exc)[:200])
            else:
                self._trouble.ends()
            await asyncio.sleep(RETRY_S if self.state == "unread" else REFRESH_S)


def _known_key(key: ApiKey) -> KnownKey:
    return KnownKey(key, grants_of(key), frozenset(origin.encode() for origin in key.origins))


def grants_of(key: ApiKey) -> frozenset[Grant]:
    """What a key gives whoever sends it."""
    match key.kind:
        case "admin":
            return frozenset(key.roles)
        case "publishable" | "server":
            return frozenset({key.kind})
        case _:
            return frozenset()
