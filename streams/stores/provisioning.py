"""Sets a namespace up: topics in Kafka, and in Redis the meta that says for which topic its states are."""

from __future__ import annotations

import msgspec

from schemas.errors import ServiceMissing
from schemas.topics import EVENTS
from streams.kafka.admin import TopicReader, TopicsRefused, TopicState, make_topics
from streams.runtime.settings import NO_REDIS, Settings
from streams.stores.keys import Keys
from streams.stores.namespace_meta import Meta, difference, read_meta, write_meta
from streams.stores.redis.connection import ReconnectingConnection, run_blocking
from streams.stores.redis.endpoint.address import RedisAddress, redis_address
from streams.stores.redis.quarantine import RedisQuarantine

REDIS_S = 5.0


def create_topics(settings: Settings, *, adopt: bool = False) -> tuple[list[TopicState], Meta]:
    """Make the topics that are missing and write the meta to Redis; doing it twice changes nothing.

    Args:
        adopt: accept an events topic that was made anew: states in Redis are then of an earlier incarnation.

    Raises:
        TopicsRefused: Kafka or Redis holds what was made by other settings.
        ServiceMissing: Kafka does not answer, no Redis is known, or the meta's key holds something else.
        StoreUnavailable: Redis does not answer.
    """
    states = make_topics(settings)
    name = EVENTS.full_name(settings.namespace)
    events = next(state for state in states if state.name == name)
    return states, _settle_meta(settings, events, adopt=adopt)


class MetaReader:
    """Looks at the events topic again and again over one connection; to be used by one thread at a time."""

    def __init__(self, settings: Settings) -> None:
        self._topic = TopicReader(settings, EVENTS)

    def read(self) -> Meta | None:
        """What the topic is in Kafka now; None when there is none. Blocks while Kafka answers.

        Raises:
            ServiceMissing: Kafka does not answer, or does not say.
        """
        topic = self._topic.read()
        return None if topic is None else Meta(topic_id=topic.topic_id, partitions=topic.partitions)

    def close(self) -> None:
        """Disconnect; another look would connect again."""
        self._topic.close()


def read_topic_meta(settings: Settings) -> Meta | None:
    """As `MetaReader.read`, once."""
    reader = MetaReader(settings)
    try:
        return reader.read()
    finally:
        reader.close()


def describe_missing(namespace: str) -> str:
    """That the events topic is not there, and what to do."""
    return (
        f"there is no topic {EVENTS.full_name(namespace)}: run `etalage topics create` (with --adopt when it "
        "was deleted: events that were not applied are gone with it)"
    )


def read_meta_sync(address: RedisAddress | str, namespace: str) -> Meta:
    """The namespace's meta, for callers that cannot await; raises as read_meta, and when there is none."""
    meta = run_blocking(address, lambda connection: read_meta(connection, Keys(namespace)), within_s=REDIS_S)
    if meta is None:
        raise ServiceMissing(f"namespace {namespace} is not set up: run `etalage topics create`")
    return meta


def count_quarantined(address: RedisAddress | str, namespace: str) -> int:
    """How many states are set aside in the namespace, for callers that cannot await; raises as read_meta."""
    meta, keys = read_meta_sync(address, namespace), Keys(namespace)

    async def count(connection: ReconnectingConnection) -> int:
        return len(await RedisQuarantine(connection, keys).entries(meta.partitions))

    return run_blocking(address, count, within_s=REDIS_S)


def _settle_meta(settings: Settings, events: TopicState, *, adopt: bool) -> Meta:
    """Write the meta unless it stands there already; TopicsRefused when Redis belongs to another topic."""
    if settings.redis is None:
        raise ServiceMissing(NO_REDIS)
    keys, meta = Keys(settings.namespace), Meta(topic_id=events.topic_id, partitions=events.partitions)

    async def settle(connection: ReconnectingConnection) -> None:
        stands = await read_meta(connection, keys)
        if stands is not None:
            _refuse_meta(stands, meta, adopt=adopt)
        await write_meta(connection, keys, meta)

    run_blocking(redis_address(settings), settle, within_s=REDIS_S)
    return meta


def _refuse_meta(stands: Meta, meta: Meta, *, adopt: bool) -> None:
    """Raises TopicsRefused when the states in Redis were made for something else."""
    known = msgspec.structs.replace(stands, topic_id=meta.topic_id) if adopt else stands
    if why := difference(known, meta):
        raise TopicsRefused(why)
