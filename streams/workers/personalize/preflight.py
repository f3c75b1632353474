"""Preflight checks of a worker: a Redis that forgets nothing, topics, one meta; repeated while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

from schemas.errors import EtalageError, ServiceMissing, StoreUnavailable, StreamUnavailable
from streams.kafka.admin import check_replication
from streams.runtime.settings import Settings
from streams.runtime.telemetry.logs import LogOnce, logger
from streams.stores.keys import Keys
from streams.stores.namespace_meta import Meta, agree, difference
from streams.stores.provisioning import MetaReader, describe_missing, read_topic_meta
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.server_checks import refuse_cluster, refuse_eviction

T = TypeVar("T")
log = logger("preflight")

WITHIN_S = 30.0
"""How long Redis and Kafka may take to answer at all."""
ANSWER_WITHIN_S = 5.0
"""Bound of one attempt: a service that hangs is as bad as one that is not there."""
RETRY_EVERY_S = 0.25
CHECK_EVERY_S = 2.0
"""So soon a topic is noticed that was deleted, made anew or given partitions; a check takes 5 ms of CPU."""


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


class MetaCheck:
    """Whether the events topic and Redis are still what this worker began with.

    Args:
        meta: what was agreed on at the start.
        connection, keys: where Redis holds it.
        settings: of this process.
        halt: ends the process when a topic that was made anew or grew, or a Redis that may forget visitors,
            takes the place of what it began with.
    """

    def __init__(
        self,
        meta: Meta,
        connection: ReconnectingConnection,
        keys: Keys,
        settings: Settings,
        halt: Callable[[BaseException], NoReturn],
    ) -> None:
        self._meta, self._connection, self._keys, self._settings = meta, connection, keys, settings
        self._halt, self._failing = halt, LogOnce()
        self._topic, self._looking = MetaReader(settings), asyncio.Lock()
        self.unready_reason = ""
        """That the events topic is gone, with the way out; empty while it is there."""

    async def run(self) -> None:
        """For ever, every CHECK_EVERY_S: check; a Redis that was flushed is told the meta again.

        A check that fails because a service does not answer is logged and made again.
        """
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            try:
                await self.check()
            except PreflightChanged as exc:
                self._halt(exc)
            except Exception as exc:
                if self._failing.begins():
                    log.warning("preflight check failed", error=f"{type(exc).__name__}: {exc}")
            else:
                self._failing.ends()

    async def check(self) -> None:
        """Check once.

        Raises:
            PreflightChanged: what this worker began with is no more; the text says what to do.
            ServiceMissing, StoreUnavailable, TimeoutError: Kafka or Redis did not answer.
        """
        await self.check_topic()
        async with asyncio.timeout(ANSWER_WITHIN_S):
            try:
                await refuse_eviction(self._connection)
                await agree(self._connection, self._keys, self._meta)
            except ServiceMissing as exc:
                raise PreflightChanged(str(exc)) from exc

    async def check_topic(self) -> None:
        """Check the topic alone.

        Raises:
            PreflightChanged: the topic was made anew, or has other partitions.
            ServiceMissing: Kafka did not answer.
        """
        async with self._looking:
            now = await asyncio.to_thread(self._topic.read)
        self.unready_reason = "" if now else describe_missing(self._settings.namespace)
        if now is not None and (why := difference(self._meta, now)):
            raise PreflightChanged(f"the events topic changed under us: {why}")

    async def verify_topic(self) -> None:
        """Return when the topic is as it should be: asked after a misplaced record came, before it is buried.

        What was seen before it came says nothing: partitions may have been added since.

        Raises:
            PreflightChanged: as `check_topic`.
            StreamUnavailable: Kafka did not answer, or the topic is gone for now.
        """
        try:
            await self.check_topic()
        except ServiceMissing as exc:
            raise StreamUnavailable(str(exc)) from exc
        if self.unready_reason:
            raise StreamUnavailable(self.unready_reason)


def _meta_in_kafka(settings: Settings) -> Meta:
    meta = read_topic_meta(settings)
    if meta is None:
        raise ServiceMissing(describe_missing(settings.namespace))
    return meta


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
