"""What was set aside in Redis, for those who look at it and repair it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, json

from schemas.errors import ServiceMissing
from streams.stores.keys import Keys
from streams.stores.protocols import Quarantined
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.pipeline import raise_error


class Standing(Struct, frozen=True):
    """Where a partition stands: what a write must name that is to be carried out on just this content."""

    epoch: str
    done: int | None
    part: int
    incarnation: int


class RedisQuarantine:
    """The states set aside in a namespace. Each method raises StoreUnavailable, and CommandRefused."""

    def __init__(self, connection: ReconnectingConnection, keys: Keys) -> None:
        self._redis, self._keys = connection, keys

    async def entries(self, partitions: int) -> list[Quarantined]:
        """What was set aside in a namespace of so many partitions and is not yet repaired, oldest first."""
        keys = [self._keys.quarantine(partition) for partition in range(partitions)]
        replies = await self._redis.call_all([("HVALS", key) for key in keys])
        values = [value for reply in replies for value in raise_error(reply)]
        return sorted((json.decode(value, type=Quarantined) for value in values), key=lambda one: one.at)

    async def release(self, entries: Sequence[Quarantined]) -> None:
        """Their visitors are repaired. What was set aside stays where it is kept, until it expires."""
        for one in entries:
            await self._redis.call("HDEL", self._keys.quarantine(one.partition), one.key)

    async def standing(self, partition: int) -> Standing:
        """Where the partition stands; raises ServiceMissing when no worker ever had it."""
        own = await self._redis.call("HMGET", self._keys.own(partition), "e", "done", "part", "i")
        epoch, done, part, incarnation = own
        if epoch is None or incarnation is None:
            raise ServiceMissing(f"no worker ever had partition {partition}: start one")
        return Standing(epoch.decode(), None if done is None else int(done), int(part or 0), int(incarnation))
