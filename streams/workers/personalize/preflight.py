"""Preflight checks of a worker: a Redis that forgets nothing, topics, one meta; repeated while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

from schemas.errors import EtalageError, ServiceMissing, StoreUnavailable
from schemas.topics import EVENTS
from streams.kafka.admin import check_replication, list_topics
from streams.runtime.settings import Settings
from streams.runtime.telemetry.logs import LogOnce, logger
from streams.stores.keys import Keys
from streams.stores.namespace_meta import Meta, agree, difference
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.server_checks import refuse_cluster, refuse_eviction

T = TypeVar("T")
log = logger("preflight")

WITHIN_S = 30.0
"""How long Redis and Kafka may take to answer at all."""
ANSWER_WITHIN_S = 5.0
"""Bound of one attempt: a service that hangs is as bad as one that is not there."""
RETRY_EVERY_S = 0.25
CHECK_EVERY_S = 60.0


class PreflightChanged(EtalageError):
    """What was true at the start no longer is."""


async def agree_on_meta(connection: ReconnectingConnection, keys: Keys, settings: Settings) -> Meta:
    """The meta that Kafka and Redis agree on.

    Raises:
        ServiceMissing: Redis is of a kind we cannot use, the topic is missing, or the two disagree; the text
            says in one line what to do.
        TopicsRefused: a topic has fewer replicas than the settings ask for.
        StoreUnavailable: Redis did not answer within WITHIN_S.
    """
    await _retry_until_up("Redis", lambda: refuse_cluster(connection), StoreUnavailable)
    await _retry_until_up("Redis", lambda: refuse_eviction(connection), StoreUnavailable)
    await _retry_until_up("Kafka", lambda: asyncio.to_thread(check_replication, settings), ServiceMissing)
    in_kafka = await _retry_until_up(
        "Kafka", lambda: asyncio.to_thread(_meta_in_kafka, settings), ServiceMissing
    )
    return await _retry_until_up("Redis", lambda: agree(connection, keys, in_kafka), StoreUnavailable)


async def keep_checking(
    meta: Meta,
    connection: ReconnectingConnection,
    keys: Keys,
    settings: Settings,
    halt: Callable[[BaseException], NoReturn],
) -> None:
    """For ever, every CHECK_EVERY_S: write the meta into a Redis that was flushed, halt when it disagrees.

    A check that fails because a service does not answer is logged and made again.
    """
    while True:
        await asyncio.sleep(CHECK_EVERY_S)
        try:
            await _check_again(meta, connection, keys, settings)
        except PreflightChanged as exc:
            halt(exc)
        except Exception as exc:
            log.warning(
                "preflight check failed", error=f"{type(exc).__name__}: {exc}", next_in_s=CHECK_EVERY_S
            )


async def _check_again(
    meta: Meta, connection: ReconnectingConnection, keys: Keys, settings: Settings
) -> None:
    """Raises PreflightChanged when the topic was made anew or grew, or when Redis may forget visitors now."""
    now = await asyncio.to_thread(_meta_in_kafka, settings)
    if why := difference(meta, now):
        raise PreflightChanged(f"the events topic changed under us: {why}")
    async with asyncio.timeout(ANSWER_WITHIN_S):
        try:
            await refuse_eviction(connection)
            await agree(connection, keys, meta)
        except ServiceMissing as exc:
            raise PreflightChanged(str(exc)) from exc


def _meta_in_kafka(settings: Settings) -> Meta:
    name = EVENTS.full_name(settings.namespace)
    for topic in list_topics(settings):
        if topic.name == name:
            return Meta(topic_id=topic.topic_id, partitions=topic.partitions)
    raise ServiceMissing(f"there is no topic {name}: run `etalage topics create`")


async def _retry_until_up(service: str, call: Callable[[], Awaitable[T]], transient: type[EtalageError]) -> T:
    """What `call` returns; called again on `transient` errors, while the service starts, for WITHIN_S."""
    loop = asyncio.get_running_loop()
    until = loop.time() + WITHIN_S
    logged = LogOnce()
    while True:
        failed: EtalageError
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await call()
        except TimeoutError:
            failed = transient(f"{service}: no answer within {ANSWER_WITHIN_S:g} s")
        except transient as exc:
            failed = exc
        if loop.time() > until:
            raise failed
        if logged.begins():
            log.warning(
                "waiting for service",
                service=service.lower(),
                error=str(failed),
                give_up_in_s=round(until - loop.time(), 1),
            )
        await asyncio.sleep(RETRY_EVERY_S)
