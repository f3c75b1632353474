"""What must be true before a worker begins: a Redis that forgets nothing, topics, and one meta for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import redis.asyncio

from schemas.errors import ServiceMissing, StoreUnavailable
from schemas.topics import EVENTS
from streams.logs import logger
from streams.settings import Settings
from streams.stores.keys import Keys
from streams.stores.meta import Meta, agree
from streams.stores.redis_client import refuse_cluster, refuse_eviction
from streams.topics_admin import list_topics

T = TypeVar("T")

WITHIN_S = 30.0
"""How long Redis and Kafka may take to be there."""
AGAIN_S = 0.25
CHECK_EVERY_S = 60.0


async def checked_meta(client: redis.asyncio.Redis, keys: Keys, settings: Settings) -> Meta:
    """The meta that Kafka and Redis agree on; ServiceMissing says in one line what to do."""
    await _soon(lambda: refuse_cluster(client), StoreUnavailable)
    await _soon(lambda: refuse_eviction(client), StoreUnavailable)
    in_kafka = await _soon(lambda: asyncio.to_thread(_meta_in_kafka, settings), ServiceMissing)
    return await _soon(lambda: agree(client, keys, in_kafka), StoreUnavailable)


async def keep_checking(meta: Meta, settings: Settings, halt: Callable[[BaseException], NoReturn]) -> None:
    """For ever: halts when the topic was made anew or got more partitions while we read it."""
    while True:
        await asyncio.sleep(CHECK_EVERY_S)
        try:
            now = await asyncio.to_thread(_meta_in_kafka, settings)
        except ServiceMissing:
            continue  # not to be had now; what that means others notice
        except Exception as exc:
            logger("boot").warning("the events topic could not be looked at", why=repr(exc))
            continue
        if now != meta:
            halt(ServiceMissing(f"the events topic changed under us: {meta} is now {now}"))


def _meta_in_kafka(settings: Settings) -> Meta:
    name = EVENTS.full_name(settings.namespace)
    for topic in list_topics(settings):
        if topic.name == name:
            return Meta(topic_id=topic.topic_id, partitions=topic.partitions)
    raise ServiceMissing(f"there is no topic {name}: run `etalage topics create`")


async def _soon(call: Callable[[], Awaitable[T]], passing: type[Exception]) -> T:
    """The answer of `call`, tried again while services start; its last failure when they do not."""
    loop = asyncio.get_running_loop()
    until = loop.time() + WITHIN_S
    while True:
        try:
            return await call()
        except passing:
            if loop.time() > until:
                raise
        await asyncio.sleep(AGAIN_S)
