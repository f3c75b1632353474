"""What a namespace is made of, kept in Redis by `etalage topics create` and read by every process at boot."""

from __future__ import annotations

import msgspec
import redis
import redis.asyncio
from msgspec import Struct

from schemas.errors import ServiceMissing
from schemas.ids import hash64
from streams.settings import redis_url_of
from streams.stores.keys import FORMAT, Keys
from streams.stores.redis_client import translated


class Meta(Struct, frozen=True, kw_only=True):
    """`topic_id` is that of the events topic: a topic made anew has another, and another incarnation."""

    topic_id: str
    partitions: int
    key_format: int = FORMAT
    incarnation: int


def meta_of(topic_id: str, partitions: int) -> Meta:
    """The meta of an events topic as it stands in Kafka; the incarnation fits two bytes of a packed state."""
    return Meta(topic_id=topic_id, partitions=partitions, incarnation=hash64(topic_id) & 0xFFFF)


async def read_meta(client: redis.asyncio.Redis, namespace: str) -> Meta:
    """The meta of `namespace`; ServiceMissing when there is none or it is not for this code."""
    with translated():
        raw = await client.get(Keys(namespace).meta)
    return _usable(raw, namespace)


def read_meta_now(redis_address: str, namespace: str) -> Meta | None:
    """The same without an event loop; None when there is none."""
    with translated(), redis.Redis.from_url(redis_url_of(redis_address), socket_timeout=5) as client:
        raw = client.get(Keys(namespace).meta)
    return None if raw is None else _usable(raw, namespace)


def write_meta_now(redis_address: str, namespace: str, meta: Meta) -> None:
    """Put the meta in place (`etalage topics create` alone does)."""
    with translated(), redis.Redis.from_url(redis_url_of(redis_address), socket_timeout=5) as client:
        client.set(Keys(namespace).meta, msgspec.json.encode(meta))


def differs(meta: Meta, *, topic_id: str | None = None, partitions: int | None = None) -> str | None:
    """One line that says how Kafka differs from what Redis was made for; None when it does not."""
    if partitions is not None and partitions != meta.partitions:
        return f"events.v1 has {partitions} partitions, the states in Redis were made for {meta.partitions}"
    if topic_id is not None and topic_id != meta.topic_id:
        return f"events.v1 was made anew (id {topic_id}, the states in Redis are of {meta.topic_id})"
    return None


def _usable(raw: bytes | str | None, namespace: str) -> Meta:
    if raw is None:
        raise ServiceMissing(f"namespace {namespace} is not set up: run `etalage topics create`")
    try:
        meta = msgspec.json.decode(raw, type=Meta)
    except msgspec.MsgspecError as exc:
        raise ServiceMissing(f"{Keys(namespace).meta} in Redis is not ours ({exc})") from exc
    if meta.key_format != FORMAT:
        raise ServiceMissing(f"Redis holds key format {meta.key_format}, this code knows {FORMAT}")
    return meta
