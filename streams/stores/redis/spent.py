"""What visitors, addresses and API keys cost all gateways of a namespace, added up for some seconds."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from streams.stores.keys import Keys
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.pipeline import raise_error

KEPT_MS = 15_000
"""Three windows: clocks of gateways may differ."""


class Spent(Struct, frozen=True, gc=False):
    """What an owner spent: ms in which its bucket fills again."""

    owner: str
    ms: int


async def add_spent(
    redis: ReconnectingConnection, keys: Keys, window: int, kind: str, spent: Sequence[Spent]
) -> list[int]:
    """Add to what was spent in a window; all commands leave in one write.

    Args:
        redis: the connection.
        keys: of the namespace.
        window: its number.
        kind: visitor, address or key.
        spent: by owner.

    Returns:
        What all gateways spent for each owner until now, ms.

    Raises:
        StoreUnavailable, CommandRefused: of the first command that failed.
    """
    totals = []
    for one in spent:
        key = keys.spent(window, kind, one.owner)
        totals.append(redis.ask("INCRBY", key, one.ms))
        redis.ask("PEXPIRE", key, KEPT_MS)
    return [int(raise_error(await total)) for total in totals]
