"""What all processes of a namespace must agree on: `<ns>:meta`, checked at every boot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import msgspec
from msgspec import Meta as Bounds
from msgspec import Struct

from schemas.codec import DECODE_ERRORS
from schemas.errors import ServiceMissing
from schemas.ids import hash64
from streams.stores.keys import FORMAT, Keys
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.pipeline import CommandRefused

PARTITIONS_MAX = 100_000
"""More than a Kafka topic has; every gateway keeps something of each."""

ADOPT = "stop the workers, run `etalage topics create --adopt`, and start them again"


class Meta(Struct, frozen=True):
    """The events topic's Kafka id, its partition count, the version of the key layout."""

    topic_id: str
    partitions: Annotated[int, Bounds(ge=1, le=PARTITIONS_MAX)]
    key_format: int = FORMAT

    @property
    def incarnation(self) -> int:
        """Two bytes that tell one life of the topic from the next; part of states and versions."""
        return hash64(self.topic_id) & 0xFFFF


def difference(stands: Meta, now: Meta) -> str:
    """Why states made for `stands` do not fit the topic as it is `now`, with the way out; empty: they fit."""
    if stands.key_format != now.key_format:
        return f"Redis holds key format {stands.key_format}, this code knows {now.key_format}"
    if stands.partitions != now.partitions:
        return (
            f"events.v1 has {now.partitions} partitions, the states in Redis were made for "
            f"{stands.partitions}, and each visitor's stands on the partition of that count: take another "
            "ETALAGE_NAMESPACE, `etalage topics create` there, and send the history to it again"
        )
    if stands.topic_id != now.topic_id:
        return (
            f"events.v1 was made anew (id {now.topic_id}, the states in Redis are of {stands.topic_id}); "
            f"to go on with the new topic, {ADOPT}"
        )
    return ""


@contextmanager
def _refuse_other_content(key: str) -> Iterator[None]:
    """ServiceMissing names the key and what to do when something else than a meta stands there."""
    try:
        yield
    except (CommandRefused, *DECODE_ERRORS) as exc:
        if isinstance(exc, CommandRefused) and not exc.wrong_type:
            raise
        raise ServiceMissing(
            f"Redis key {key} does not hold what Etalage keeps there ({exc}): when no other program needs "
            f"it, `redis-cli DEL {key}` and `etalage topics create`; else take another ETALAGE_NAMESPACE"
        ) from exc


async def read_meta(connection: ReconnectingConnection, keys: Keys) -> Meta | None:
    """The meta that Redis holds.

    Returns:
        None when nothing does: the topics were not created yet, or Redis was flushed.

    Raises:
        ServiceMissing: the key holds something else; the text says what to do.
        StoreUnavailable: Redis does not answer.
    """
    with _refuse_other_content(keys.meta):
        raw = await connection.call("GET", keys.meta)
        return None if raw is None else msgspec.json.decode(raw, type=Meta)


async def write_meta(connection: ReconnectingConnection, keys: Keys, meta: Meta) -> None:
    """Set what holds from now on: for `etalage topics create`, which made the topic."""
    await connection.call("SET", keys.meta, msgspec.json.encode(meta))


async def agree(connection: ReconnectingConnection, keys: Keys, in_kafka: Meta) -> Meta:
    """The meta that Kafka and Redis agree on. A Redis that has none gets it: it was flushed.

    Raises:
        ServiceMissing: they do not agree; the text says what to do.
        StoreUnavailable: Redis does not answer.
    """
    await connection.call("SET", keys.meta, msgspec.json.encode(in_kafka), "NX")
    in_redis = await read_meta(connection, keys)
    if in_redis is not None and (why := difference(in_redis, in_kafka)):
        raise ServiceMissing(why)
    return in_kafka
