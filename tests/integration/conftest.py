"""What several of these tests start from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import redis.asyncio

from streams.local.servers.redis import LocalRedis
from streams.runtime.settings import Settings
from streams.stores.namespace_meta import Meta
from tests.integration.shop_http import fill_shop
from tests.integration.worker_world import WorkerWorld
from tests.stack import Stack


@pytest.fixture
def settings(
    kafka: str, redis_url: str, namespace: str, create_topics: Callable[[str, int], Meta]
) -> Settings:
    """Of a namespace whose topics were just made, with three partitions."""
    create_topics(namespace, 3)
    return Settings(kafka=kafka, redis=redis_url, namespace=namespace, partitions=3)


@pytest.fixture
def stack(
    kafka: str, redis_url: str, namespace: str, tmp_path: Path, create_topics: Callable[[str, int], Meta]
) -> Iterator[Stack]:
    """A small shop with sixteen partitions, in which nothing runs yet."""
    create_topics(namespace, 16)
    with Stack(tmp_path, namespace, kafka, redis_url) as made:
        fill_shop(made, tmp_path)
        yield made


@pytest.fixture
def world(tmp_path: Path, namespace: str, kafka: str, redis_url: str) -> Iterator[WorkerWorld]:
    """A namespace with a small shop, in which nothing runs yet, to be compared with its log."""
    made = WorkerWorld(tmp_path, namespace, kafka, redis_url)
    fill_shop(made.stack, tmp_path)
    yield made
    made.close()


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    """A library's own: what operators and accidents do."""
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[LocalRedis]:
    """A Redis to be killed and stopped."""
    server = LocalRedis(tmp_path / "redis")
    server.start()
    yield server
    server.resume()
    server.stop()
