"""API keys of a namespace: the hash `<ns>:keys` in Redis, one JSON a key, read and written whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from schemas.api_keys import ApiKey
from schemas.codec import DECODE_ERRORS
from schemas.errors import EtalageError, ServiceMissing
from streams.runtime.settings import Settings, may_be_open
from streams.runtime.telemetry.logs import logger
from streams.stores.keys import Keys
from streams.stores.redis.connection import ReconnectingConnection, run_blocking
from streams.stores.redis.endpoint.address import redis_address

KEYS_WITHIN_S = 5.0
ACTIVE_MAX = 100
"""Keys of a namespace that are not revoked: every gateway reads them all every few seconds."""
REMEMBER_REVOKED_S = 30 * 24 * 3600
"""How long a revoked key stays in the list. It also keeps the hash from vanishing with the last active key:
a gateway that finds no hash knows that Redis lost it."""

SIGNING_SECRET_MIN = 32
"""Characters: as many bytes as HS256 wants of a key (RFC 7518, 3.2); ours have 43 and a prefix."""

_NOTHING = "no key {id!r}; `etalage keys list` shows all"


class UnreadableKeys:
    """Tells what cannot be read among stored keys: each once when it appears, and once when it is gone."""

    def __init__(self) -> None:
        self._told: dict[bytes, str] = {}

    def tell(self, found: Mapping[bytes, str]) -> None:
        """Go by what was found just now: a digest of each record, and what is wrong with it."""
        for digest in found.keys() - self._told.keys():
            logger("keys").warning("skipping API key", record=digest.hex()[:8], error=found[digest])
        for digest in self._told.keys() - found.keys():
            logger("keys").warning("unreadable API key is gone", record=digest.hex()[:8])
        self._told = dict(found)


async def read_api_keys(
    connection: ReconnectingConnection, keys: Keys, unreadable: UnreadableKeys | None = None
) -> list[ApiKey] | None:
    """All keys, revoked ones too, the oldest first; None when there never were any (or Redis lost them).

    What this code cannot read is left out, and logged: it opens nothing. Who reads again and again passes the
    same `unreadable`, so that each is logged once.

    Raises:
        StoreUnavailable: Redis does not answer.
        CommandRefused: `<ns>:keys` holds something else.
    """
    stored: list[bytes] = await connection.call("HVALS", keys.api_keys)
    known, wrong = [], {}
    for record in stored:
        try:
            known.append(_decode(record))
        except DECODE_ERRORS as exc:
            wrong[sha256(record).digest()] = str(exc)[:200]
    (unreadable or UnreadableKeys()).tell(wrong)
    return sorted(known, key=lambda key: (key.created, key.id)) if stored else None


def _decode(stored: bytes) -> ApiKey:
    key = msgspec.json.decode(stored, type=ApiKey)
    if key.active and key.kind == "signing" and len(key.secret) < SIGNING_SECRET_MIN:
        raise ValueError("a signing key without a secret, with which anybody could sign")
    return key


async def add_api_key(connection: ReconnectingConnection, keys: Keys, key: ApiKey) -> None:
    """Store a new key, and drop those that were revoked long ago.

    Raises:
        EtalageError: there are ACTIVE_MAX already.
        StoreUnavailable: Redis does not answer.
    """
    known = await read_api_keys(connection, keys) or []
    if sum(one.active for one in known) >= ACTIVE_MAX:
        raise EtalageError(f"there are {ACTIVE_MAX} keys: revoke one first")
    await connection.call("HSET", keys.api_keys, key.id, msgspec.json.encode(key))
    old = [one.id for one in known if one.revoked and one.revoked < key.created - REMEMBER_REVOKED_S]
    if old:
        await connection.call("HDEL", keys.api_keys, *old)


async def revoke_api_key(connection: ReconnectingConnection, keys: Keys, key_id: str, now: float) -> ApiKey:
    """Mark a key as revoked and return it; one that is revoked already stays as it is.

    Raises:
        EtalageError: there is no such key.
        StoreUnavailable: Redis does not answer.
    """
    key = await _find(connection, keys, key_id)
    if key.active:
        key = replace(key, revoked=int(now), secret="")
        await connection.call("HSET", keys.api_keys, key.id, msgspec.json.encode(key))
    return key


async def limit_api_key(connection: ReconnectingConnection, keys: Keys, key_id: str, rate: float) -> ApiKey:
    """Set what the callers of a key may cost each gateway, units a second; raises as `revoke_api_key`."""
    key = replace(await _find(connection, keys, key_id), rate=rate)
    await connection.call("HSET", keys.api_keys, key.id, msgspec.json.encode(key))
    return key


async def _find(connection: ReconnectingConnection, keys: Keys, key_id: str) -> ApiKey:
    for key in await read_api_keys(connection, keys) or ():
        if key.id == key_id:
            return key
    raise EtalageError(_NOTHING.format(id=key_id))


def settle_access(settings: Settings) -> tuple[Settings, str]:
    """The settings of a gateway that is started here, and what they mean for callers; blocks on Redis.

    Raises:
        ServiceMissing: as `refuse_unguarded`.
        StoreUnavailable: Redis does not answer.
    """
    keys = Keys(settings.namespace)
    known = run_blocking(
        redis_address(settings), lambda redis: read_api_keys(redis, keys), within_s=KEYS_WITHIN_S
    )
    refuse_unguarded(settings, known)
    if known is not None:
        return settings, "API keys are required here: the demo's page has none, shoppers send ETALAGE_KEY"
    return settings, "the gateway is open: without API keys everybody who reaches it may do everything"


def refuse_unguarded(settings: Settings, keys: Sequence[ApiKey] | None) -> None:
    """Raises ServiceMissing when there are no keys and everybody on a network would reach the gateway."""
    if keys is None and not may_be_open(settings):
        where = f"{settings.host} with ETALAGE_OPEN=0" if settings.open == "0" else settings.host
        raise ServiceMissing(
            f"namespace {settings.namespace} has no API keys, and the gateway would listen at {where}: make "
            "one with `etalage keys create`, or set ETALAGE_OPEN=1 to let everybody do everything"
        )
