"""Which partition a visitor's records are in: partition count and topic incarnation, from Redis or Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from schemas.errors import EtalageError
from schemas.ids import Version, VisitorId
from streams.kafka.partitioner import partition_of
from streams.stores.keys import FORMAT
from streams.stores.namespace_meta import Meta

RETRY_S, REFRESH_S = 0.25, 15.0
REDIS_WITHIN_S = 1.0


class PartitionMap:
    """Until Redis or Kafka has answered, the partition count of the settings holds, and no token can be made.

    `incarnation` is None until then, and `reason` says what is missing.
    """

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.incarnation: int | None = None
        self.reason = "neither Redis nor Kafka has said yet which topics there are"

    def update(self, meta: Meta) -> None:
        """Go by what the topics were created with; another format of keys is refused, with a reason."""
        if meta.key_format != FORMAT:
            self.reason = f"Redis holds keys of format {meta.key_format}, this code reads {FORMAT}"
            return
        self.partitions, self.incarnation, self.reason = meta.partitions, meta.incarnation, ""

    def partition_of(self, visitor: VisitorId) -> int:
        """The partition of a visitor's records and state."""
        return partition_of(visitor.encode(), self.partitions)

    def token(self, partition: int, offset: int) -> str | None:
        """The token of a record; None while the topic's incarnation is unknown."""
        if self.incarnation is None:
            return None
        return Version(self.incarnation, partition, offset).text()

    async def keep_updated(
        self, redis: Callable[[], Awaitable[bytes | None]], kafka: Callable[[], Awaitable[Meta | None]]
    ) -> None:
        """For ever: read Redis, and Kafka as long as neither has answered."""
        while True:
            meta = await _read_redis(redis)
            if meta is None and self.incarnation is None:
                meta = await kafka()
            if meta is not None:
                self.update(meta)
            await asyncio.sleep(RETRY_S if self.incarnation is None else REFRESH_S)


async def _read_redis(read: Callable[[], Awaitable[bytes | None]]) -> Meta | None:
    """The meta in Redis; None when Redis does not answer in time, has none, or none that can be read."""
    try:
        async with asyncio.timeout(REDIS_WITHIN_S):
            raw = await read()
        return None if raw is None else msgspec.json.decode(raw, type=Meta)
    except (EtalageError, msgspec.MsgspecError, TimeoutError):
        return None
