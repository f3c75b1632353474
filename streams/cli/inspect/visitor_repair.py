"""States that were set aside: who they are of, and how they are folded again from the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from schemas.errors import ServiceMissing
from schemas.ids import VisitorId
from schemas.topics import EVENTS
from streams.cli.output import format_count
from streams.kafka.compacted_reader import CompactedReader
from streams.kafka.endpoint.cluster import Kafka
from streams.kafka.partitioner import partition_of
from streams.runtime.settings import NO_REDIS, Settings
from streams.stores.keys import Keys
from streams.stores.namespace_meta import Meta, read_meta
from streams.stores.protocols import Quarantined
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.endpoint.acl import missing_right_text
from streams.stores.redis.endpoint.address import redis_address
from streams.stores.redis.pipeline import CommandRefused
from streams.stores.redis.quarantine import RedisQuarantine
from streams.stores.redis.visitors import Lifetimes, RedisVisitors
from streams.workers.personalize.decoding import EventsTopic
from streams.workers.repair import Repaired, VisitorRepair

DAY_S = 86_400


@asynccontextmanager
async def open_namespace(settings: Settings) -> AsyncIterator[tuple[ReconnectingConnection, Keys, Meta]]:
    """A connection to the namespace's Redis.

    Raises:
        ServiceMissing: it is not set up, or its user may not do what is done with the connection.
        StoreUnavailable: Redis does not answer.
    """
    if not settings.redis:
        raise ServiceMissing(NO_REDIS)
    keys, address = Keys(settings.namespace), redis_address(settings)
    try:
        async with ReconnectingConnection(address) as connection:
            meta = await read_meta(connection, keys)
            if meta is None:
                where = f"namespace {settings.namespace} is not set up"
                raise ServiceMissing(f"{where}: run `etalage topics create`")
            yield connection, keys, meta
    except CommandRefused as exc:
        if not exc.no_permission:
            raise
        what = "look for states that were set aside and repair them"
        raise ServiceMissing(missing_right_text(exc, address, settings.namespace, "repair", what)) from exc


async def list_quarantined(settings: Settings) -> list[Quarantined]:
    """What was set aside and is not yet repaired, oldest first."""
    async with open_namespace(settings) as (connection, keys, meta):
        return await RedisQuarantine(connection, keys).entries(meta.partitions)


async def repair_visitors(
    settings: Settings, kafka: Kafka, visitor: VisitorId | None, *, force: bool
) -> list[Repaired]:
    """Repair one visitor, or all of whom a state is set aside (None); raises as `VisitorRepair.run`."""
    async with open_namespace(settings) as (connection, keys, meta):
        quarantine = RedisQuarantine(connection, keys)
        lifetimes = Lifetimes(settings.state_ttl_days * DAY_S, settings.layout_ttl_s)
        visitors = RedisVisitors(connection, keys, incarnation=meta.incarnation, lifetimes=lifetimes)
        topic = EventsTopic(EVENTS.full_name(settings.namespace), meta.partitions, meta.incarnation)
        entries = await quarantine.entries(meta.partitions)
        repaired = []
        for one in dict.fromkeys([entry.visitor for entry in entries] if visitor is None else [visitor]):
            partition = partition_of(one.encode(), meta.partitions)
            log = CompactedReader(
                kafka, [topic.topic], only=[partition], client_id="etalage-repair", isolation="read_committed"
            )
            await log.start()
            try:
                repair = VisitorRepair(
                    one, partition, topic, visitors=visitors, quarantine=quarantine, log=log
                )
                of_visitor = [entry for entry in entries if entry.visitor == one]
                repaired.append(await repair.run(of_visitor, force=force))
            finally:
                await log.stop()
        return repaired


def describe_repair(one: Repaired) -> str:
    """One line on what was done, and what the new state lacks."""
    if not one.records:
        return f"{one.visitor}: the log has no record of it; it begins anew with the next one"
    lines = [f"{one.visitor}: folded again from {format_count(one.records, 'record')}"]
    if one.log_start:
        lines.append(
            f"the log begins at offset {one.log_start:,}: older events, and consent given or refused by "
            "them, are not in it"
        )
    lines += [f"what was set aside stays in Redis key {each.key} for a time" for each in one.released]
    return "; ".join(lines)
