"""What all tests may ask for: a real Kafka, a real Redis, names of their own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from streams.local.kafka import LocalKafka
from streams.local.ports import free_port as take_free_port
from streams.local.redis import LocalRedis
from streams.settings import read_settings, redis_url_of


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
