"""`etalage topics create` on a real Kafka and Redis."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
import redis.asyncio
from kafka.admin import ConfigResource

from schemas.errors import ServiceMissing
from schemas.topics import TOPICS
from streams.settings import Settings
from streams.stores.keys import Keys
from streams.stores.meta import Meta, read_meta
from streams.topics_admin import (
    TopicsRefused,
    admin,
    create_topics,
    delete_topics,
    list_topics,
    plan,
)


@pytest.fixture
def settings(
    kafka: str, redis_url: str, namespace: str, create_topics: Callable[[str, int], Meta]
) -> Settings:
    create_topics(namespace, 3)
    return Settings(kafka=kafka, redis=redis_url, namespace=namespace, partitions=3)


async def test_meta_is_read_by_every_process(settings: Settings, redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        meta = await read_meta(client, Keys(settings.namespace))
    assert meta is not None
    assert meta.partitions == 3
    assert 0 <= meta.incarnation <= 0xFFFF
    assert create_topics(settings)[1] == meta


def test_all_topics_stand_as_planned(settings: Settings) -> None:
    states = {state.name: state.partitions for state in list_topics(settings)}
    assert states == {topic.name: topic.partitions for topic in plan(settings)}
    assert len(states) == len(TOPICS)
    counts = {topic.keyed_by: states[topic.full_name(settings.namespace)] for topic in TOPICS}
    assert counts["visitor"] == 3
    deltas, signals = (states[f"{settings.namespace}.item-{name}.v1"] for name in ("deltas", "signals"))
    assert deltas == signals == 3


def test_configs_are_those_of_the_plan(settings: Settings) -> None:
    wanted = {topic.name: topic for topic in plan(settings)}
    with admin(settings) as client:
        asked = [ConfigResource("TOPIC", name, configs=list(t.configs)) for name, t in wanted.items()]
        said = client.describe_configs(asked, config_filter="all")["topic"]
    for name, topic in wanted.items():
        assert {key: said[name][key]["value"] for key in topic.configs} == topic.configs


def test_a_second_time_changes_nothing(settings: Settings) -> None:
    before = {state.name: state.topic_id for state in list_topics(settings)}
    states, _ = create_topics(settings)
    assert not any(state.created for state in states)
    assert {state.name: state.topic_id for state in states} == before


def test_another_partition_count_is_refused(settings: Settings) -> None:
    with pytest.raises(TopicsRefused, match=r"has 3 partitions.*ETALAGE_PARTITIONS=3"):
        create_topics(msgspec.structs.replace(settings, partitions=4))


def test_a_topic_made_anew_is_refused_until_adopted(settings: Settings) -> None:
    before = create_topics(settings)[1]
    delete_topics(settings)
    with pytest.raises(TopicsRefused, match="--adopt"):
        create_topics(settings)
    after = create_topics(settings, adopt=True)[1]
    assert after.topic_id != before.topic_id
    assert create_topics(settings)[1] == after


def test_no_broker_is_one_clear_line(free_port: int, redis_url: str) -> None:
    lost = Settings(kafka=f"127.0.0.1:{free_port}", redis=redis_url)
    with pytest.raises(ServiceMissing, match=str(free_port)) as caught:
        list_topics(lost)
    assert "\n" not in str(caught.value)
