"""What all processes of a namespace must agree on: `<ns>:meta`, checked at every boot."""

from __future__ import annotations

import msgspec
import redis.asyncio
from msgspec import Struct

from schemas.errors import ServiceMissing
from schemas.ids import hash64
from streams.stores.keys import FORMAT, Keys
from streams.stores.redis_client import command, translated


class Meta(Struct, frozen=True):
    """The events topic's Kafka id, its partition count, the version of the key layout."""

    topic_id: str
    partitions: int
    key_format: int = FORMAT

    @property
    def incarnation(self) -> int:
        """Two bytes that tell one life of the topic from the next; part of states and versions."""
        return hash64(self.topic_id) & 0xFFFF


async def read_meta(client: redis.asyncio.Redis, keys: Keys) -> Meta | None:
    """What stands in Redis; None when nothing does (new, or flushed)."""
    with translated():
        raw = await command(client, "GET", keys.meta)
    return None if raw is None else msgspec.json.decode(raw, type=Meta)


async def write_meta(client: redis.asyncio.Redis, keys: Keys, meta: Meta) -> None:
    """Say what holds from now on: for `etalage topics create`, which made the topic."""
    with translated():
        await command(client, "SET", keys.meta, msgspec.json.encode(meta))


async def agree(client: redis.asyncio.Redis, keys: Keys, in_kafka: Meta) -> Meta:
    """The meta that Kafka and Redis agree on; ServiceMissing with what to do when they do not.

    A Redis that knows nothing is told: it was flushed, and the log builds it again.
    """
    with translated():
        await command(client, "SET", keys.meta, msgspec.json.encode(in_kafka), "NX")
    in_redis = await read_meta(client, keys)
    if in_redis != in_kafka:
        raise ServiceMissing(
            f"Redis and Kafka disagree on the events topic (Redis {in_redis}, Kafka {in_kafka}): "
            "was it created anew? Run `etalage topics create`"
        )
    return in_kafka
