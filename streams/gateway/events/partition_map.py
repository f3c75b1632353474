"""Which partition a visitor's records are in: partition count and topic incarnation, from Redis or Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from msgspec import Struct

from schemas.codec import DECODE_ERRORS
from schemas.errors import EtalageError
from schemas.ids import Version, VisitorId
from streams.kafka.partitioner import partition_of
from streams.stores.keys import FORMAT
from streams.stores.namespace_meta import Meta, difference

RETRY_S, REFRESH_S = 0.25, 2.0
REDIS_WITHIN_S = 1.0


class TopicSeen(Struct, frozen=True):
    """What Kafka said of the events topic: its meta, or why it is missing; neither when it did not answer."""

    meta: Meta | None = None
    missing: str = ""


class PartitionMap:
    """Until Redis or Kafka has answered, the partition count of the settings holds, and no token can be made.

    `incarnation` is None until then, and whenever the events topic is not the one that states are of: then
    nothing is accepted. `reason` says what is missing or wrong.
    """

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.incarnation: int | None = None
        self.reason = "neither Redis nor Kafka has said yet which topics there are"
        self._refused = False

    def update(self, meta: Meta) -> None:
        """Go by what the topics were created with; another format of keys is refused, with a reason."""
        if meta.key_format != FORMAT:
            self.refuse(f"Redis holds keys of format {meta.key_format}, this code reads {FORMAT}")
            return
        self.partitions, self.incarnation = meta.partitions, meta.incarnation
        self.reason, self._refused = "", False

    def refuse(self, reason: str) -> None:
        """Accept no event and make no token until the next `update`; layouts are answered as before."""
        self.incarnation, self.reason, self._refused = None, reason, True

    def partition_of(self, visitor: VisitorId) -> int:
        """The partition of a visitor's records and state."""
        return partition_of(visitor.encode(), self.partitions)

    def token(self, partition: int, offset: int) -> str | None:
        """The token of a record; None while the topic's incarnation is unknown."""
        if self.incarnation is None:
            return None
        return Version(self.incarnation, partition, offset).text()

    async def keep_updated(
        self, redis: Callable[[], Awaitable[bytes | None]], kafka: Callable[[], Awaitable[TopicSeen]]
    ) -> None:
        """For ever: read what Redis says and what Kafka has, and refuse what does not fit together."""
        while True:
            stands = await _read_redis(redis)
            if stands is not None and not self._refused:
                self.update(stands)
            topic = await kafka()
            if topic.missing and not self._refused:  # a broker that just started may not know it yet
                await asyncio.sleep(RETRY_S)
                topic = await kafka()
            self._settle(stands, topic)
            await asyncio.sleep(RETRY_S if self.incarnation is None else REFRESH_S)

    def _settle(self, stands: Meta | None, topic: TopicSeen) -> None:
        """Refuse a topic that is missing, or not the one that Redis was set up for.

        While Kafka does not answer its last word holds; while Redis does not, Kafka's meta is taken.
        """
        if topic.missing:
            self.refuse(topic.missing)
        elif topic.meta is not None:
            why = difference(stands, topic.meta) if stands is not None else ""
            if why:
                self.refuse(why)
            elif stands is not None or self.incarnation is None:
                self.update(topic.meta)


async def _read_redis(read: Callable[[], Awaitable[bytes | None]]) -> Meta | None:
    """The meta in Redis; None when Redis does not answer in time, has none, or none that can be read."""
    try:
        async with asyncio.timeout(REDIS_WITHIN_S):
            raw = await read()
        return None if raw is None else msgspec.json.decode(raw, type=Meta)
    except (EtalageError, TimeoutError, *DECODE_ERRORS):
        return None
