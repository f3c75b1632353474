"""What all tests may ask for: a real Kafka, a real Redis, names of their own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as property_settings

from streams.kafka.admin import delete_topics
from streams.local.servers.kafka import LocalKafka
from streams.local.servers.redis import LocalRedis
from streams.runtime.ports import free_port as take_free_port
from streams.runtime.settings import Settings, read_settings, redis_url_of
from streams.stores.namespace_meta import Meta
from streams.stores.provisioning import create_topics as create_topics_and_meta

# A busy machine is not a failing law: no property is judged by how long it took.
property_settings.register_profile("laws", deadline=None, suppress_health_check=[HealthCheck.too_slow])
property_settings.load_profile("laws")


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """`host:port` of a real Kafka: the one given by ETALAGE_KAFKA, else our own for the whole session."""
    given = read_settings().kafka
    if given:
        yield given
        return
    server = LocalKafka()
    server.start()
    yield server.address
    server.stop()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """`redis://host:port/0` of a real Redis: the one given by ETALAGE_REDIS, else our own."""
    given = read_settings().redis
    if given:
        yield redis_url_of(given)
        return
    server = LocalRedis()
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def namespace() -> str:
    """Fresh for each test, so that tests share servers and never meet."""
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def free_port() -> int:
    """A port nobody listens on."""
    return take_free_port()


@pytest.fixture
def create_topics(kafka: str, redis_url: str) -> Iterator[Callable[[str, int], Meta]]:
    """`create_topics(namespace, partitions)` makes all topics and the meta; the topics go after the test."""
    made: list[Settings] = []

    def create(namespace: str, partitions: int) -> Meta:
        settings = Settings(kafka=kafka, redis=redis_url, namespace=namespace, partitions=partitions)
        made.append(settings)
        return create_topics_and_meta(settings)[1]

    yield create
    for settings in made:
        delete_topics(settings)
