"""What must be true before a worker begins: a Redis that forgets nothing, topics, and one meta for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

from schemas.errors import EtalageError, ServiceMissing, StoreUnavailable
from schemas.topics import EVENTS
from streams.kafka.admin import list_topics
from streams.runtime.settings import Settings
from streams.runtime.telemetry.logs import logger
from streams.stores.keys import Keys
from streams.stores.meta import Meta, agree, difference
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.server_checks import refuse_cluster, refuse_eviction

T = TypeVar("T")
log = logger("boot")

WITHIN_S = 30.0
"""How long Redis and Kafka may take to be there."""
ANSWER_WITHIN_S = 5.0
"""One try: who hangs is as bad as who is not there."""
AGAIN_S = 0.25
CHECK_EVERY_S = 60.0


class Changed(EtalageError):
    """What was true at boot no longer is."""


async def agree_on_meta(connection: ReconnectingConnection, keys: Keys, settings: Settings) -> Meta:
    """The meta that Kafka and Redis agree on; ServiceMissing says in one line what to do."""
    await _soon("Redis", lambda: refuse_cluster(connection), StoreUnavailable)
    await _soon("Redis", lambda: refuse_eviction(connection), StoreUnavailable)
    in_kafka = await _soon("Kafka", lambda: asyncio.to_thread(_meta_in_kafka, settings), ServiceMissing)
    return await _soon("Redis", lambda: agree(connection, keys, in_kafka), StoreUnavailable)


async def keep_checking(
    meta: Meta,
    connection: ReconnectingConnection,
    keys: Keys,
    settings: Settings,
    halt: Callable[[BaseException], NoReturn],
) -> None:
    """For ever: halts when what was true at boot no longer is; a Redis that was flushed is told the meta."""
    while True:
        await asyncio.sleep(CHECK_EVERY_S)
        try:
            await _check_again(meta, connection, keys, settings)
        except Changed as exc:
            halt(exc)
        except Exception as exc:
            log.warning("what must be true could not be looked at", why=f"{type(exc).__name__}: {exc}")


async def _check_again(
    meta: Meta, connection: ReconnectingConnection, keys: Keys, settings: Settings
) -> None:
    """Changed when the topic was made anew or got more partitions, or when Redis may forget visitors now."""
    now = await asyncio.to_thread(_meta_in_kafka, settings)
    if why := difference(meta, now):
        raise Changed(f"the events topic changed under us: {why}")
    async with asyncio.timeout(ANSWER_WITHIN_S):
        try:
            await refuse_eviction(connection)
            await agree(connection, keys, meta)
        except ServiceMissing as exc:
            raise Changed(str(exc)) from exc


def _meta_in_kafka(settings: Settings) -> Meta:
    name = EVENTS.full_name(settings.namespace)
    for topic in list_topics(settings):
        if topic.name == name:
            return Meta(topic_id=topic.topic_id, partitions=topic.partitions)
    raise ServiceMissing(f"there is no topic {name}: run `etalage topics create`")


async def _soon(service: str, call: Callable[[], Awaitable[T]], passing: type[EtalageError]) -> T:
    """The answer of `call`, tried again while services start; its last failure when they do not."""
    loop = asyncio.get_running_loop()
    until = loop.time() + WITHIN_S
    told = False
    while True:
        failed: EtalageError
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await call()
        except TimeoutError:
            failed = passing(f"{service}: no answer within {ANSWER_WITHIN_S:g} s")
        except passing as exc:
            failed = exc
        if loop.time() > until:
            raise failed
        if not told:
            told = True
            log.warning("waiting to begin", why=str(failed), within_s=WITHIN_S)
        await asyncio.sleep(AGAIN_S)
