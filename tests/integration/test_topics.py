"""`etalage topics create` on a real Kafka and Redis."""

from __future__ import annotations

import msgspec
import pytest
from kafka.admin import ConfigResource

from schemas.errors import ServiceMissing
from schemas.topics import TOPICS
from streams.kafka.admin import TopicsRefused, admin, delete_topics, list_topics, plan
from streams.runtime.settings import Settings
from streams.stores.keys import Keys
from streams.stores.namespace_meta import Meta, agree, read_meta
from streams.stores.provisioning import create_topics, read_meta_sync
from streams.stores.redis.connection import ReconnectingConnection

WAY_OUT = "made anew.*stop the workers, run `etalage topics create --adopt`, and start them again"


async def test_meta_is_read_by_every_process(settings: Settings, redis_url: str) -> None:
    async with ReconnectingConnection(redis_url) as connection:
        meta = await read_meta(connection, Keys(settings.namespace))
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
    with pytest.raises(TopicsRefused, match=WAY_OUT):
        create_topics(settings)
    after = create_topics(settings, adopt=True)[1]
    assert after.topic_id != before.topic_id
    assert create_topics(settings)[1] == after


def test_no_broker_is_one_clear_line(free_port: int, redis_url: str) -> None:
    lost = Settings(kafka=f"127.0.0.1:{free_port}", redis=redis_url)
    with pytest.raises(ServiceMissing, match=str(free_port)) as caught:
        list_topics(lost)
    assert "\n" not in str(caught.value)


async def test_a_meta_that_does_not_fit_names_the_way_out(settings: Settings) -> None:
    keys = Keys(settings.namespace)
    async with ReconnectingConnection(settings.redis or "") as connection:
        stands = await read_meta(connection, keys)
        assert stands is not None
        with pytest.raises(ServiceMissing, match=WAY_OUT):
            await agree(connection, keys, msgspec.structs.replace(stands, topic_id="another"))
        with pytest.raises(ServiceMissing, match="take another ETALAGE_NAMESPACE"):
            await agree(connection, keys, msgspec.structs.replace(stands, partitions=4))


@pytest.mark.parametrize(
    "content",
    [("SET", b"garbage"), ("SET", b'"text"'), ("SET", b"\xff"), ("LPUSH", b"x")],
    ids=["no JSON", "text", "bytes", "a list"],
)
async def test_a_key_that_holds_something_else_is_named(
    settings: Settings, content: tuple[str, bytes]
) -> None:
    keys = Keys(settings.namespace)
    told = f"^Redis key {keys.meta} does not hold what Etalage keeps there .*DEL {keys.meta}"
    meta = Meta(topic_id="x", partitions=3)
    async with ReconnectingConnection(settings.redis or "") as connection:
        await connection.call("DEL", keys.meta)
        await connection.call(content[0], keys.meta, content[1])
        with pytest.raises(ServiceMissing, match=told):
            await agree(connection, keys, meta)
        for refused in (
            lambda: create_topics(settings),
            lambda: read_meta_sync(settings.redis or "", keys.namespace),
        ):
            with pytest.raises(ServiceMissing, match=told):
                refused()
        await connection.call("DEL", keys.meta)
        assert await agree(connection, keys, meta) == meta
