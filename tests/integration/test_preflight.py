"""What must be true before a worker or a gateway begins, and goes on being checked while a worker runs."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from schemas.errors import ServiceMissing, StoreUnavailable
from streams.gateway.serve import serve
from streams.local.servers.redis import RedisRecipe
from streams.local.servers.server import LocalServer
from streams.runtime.ports import free_port
from streams.runtime.settings import Settings
from streams.stores.keys import Keys
from streams.stores.namespace_meta import Meta, read_meta
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.server_checks import refuse_cluster
from streams.workers.personalize import preflight
from streams.workers.personalize.preflight import MetaCheck, agree_on_meta

WHY = "cluster mode.*set ETALAGE_REDIS"


class ClusterRecipe(RedisRecipe):
    """One node of a Redis Cluster."""

    def prepare(self, data: Path, port: int) -> list[str | Path]:
        bus = str(free_port())
        return [*super().prepare(data, port), "--cluster-enabled", "yes", "--cluster-port", bus]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with LocalServer(ClusterRecipe(), tmp_path_factory.mktemp("cluster") / "redis") as server:
        yield Settings(redis=server.address, kafka="127.0.0.1:1", port=0)


async def test_a_gateway_refuses_a_cluster(cluster: Settings) -> None:
    with pytest.raises(ServiceMissing, match=WHY):
        await serve(cluster)


async def test_a_worker_refuses_a_cluster(cluster: Settings) -> None:
    async with ReconnectingConnection(cluster.redis or "") as connection:
        with pytest.raises(ServiceMissing, match=WHY):
            await agree_on_meta(connection, Keys(cluster.namespace), cluster)


async def test_a_redis_alone_is_welcome(redis_url: str) -> None:
    async with ReconnectingConnection(redis_url) as connection:
        await refuse_cluster(connection)


async def test_a_redis_that_hangs_is_named_and_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(preflight, "WITHIN_S", 0.3)
    monkeypatch.setattr(preflight, "ANSWER_WITHIN_S", 0.1)
    said: list[tuple[str, str]] = []
    log = SimpleNamespace(warning=lambda event, *, error, **_rest: said.append((event, error)))
    monkeypatch.setattr(preflight, "log", log)
    settings = Settings()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        async with ReconnectingConnection(f"redis://127.0.0.1:{mute.getsockname()[1]}") as connection:
            with pytest.raises(StoreUnavailable, match=r"Redis: no answer within 0\.1 s"):
                await agree_on_meta(connection, Keys(settings.namespace), settings)
    assert said == [("waiting for service", "Redis: no answer within 0.1 s")]


@pytest.fixture
def worker_of(
    kafka: str, redis_url: str, namespace: str, create_topics: Callable[[str, int], Meta]
) -> tuple[Meta, Settings]:
    return create_topics(namespace, 2), Settings(kafka=kafka, redis=redis_url, namespace=namespace)


async def test_a_flushed_redis_is_told_the_meta_again(worker_of: tuple[Meta, Settings]) -> None:
    meta, settings = worker_of
    keys = Keys(settings.namespace)
    async with ReconnectingConnection(settings.redis or "") as connection:
        await connection.call("DEL", keys.meta)
        await MetaCheck(meta, connection, keys, settings, _raise).check()
        assert await read_meta(connection, keys) == meta


async def test_a_redis_that_may_forget_from_now_on_ends_a_worker(
    worker_of: tuple[Meta, Settings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    meta, settings = worker_of
    monkeypatch.setattr(preflight, "CHECK_EVERY_S", 0)
    keys = Keys(settings.namespace)
    with LocalServer(RedisRecipe(), tmp_path / "redis") as server:
        async with ReconnectingConnection(server.address) as connection:
            await connection.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            with pytest.raises(
                preflight.PreflightChanged, match="set it with `CONFIG SET maxmemory-policy noevict"
            ):
                await MetaCheck(meta, connection, keys, settings, _raise).run()


def _raise(exc: BaseException) -> NoReturn:
    raise exc


async def test_a_topic_made_anew_under_a_worker_ends_it_with_the_whole_way_out(
    worker_of: tuple[Meta, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    meta, settings = worker_of
    monkeypatch.setattr(preflight, "CHECK_EVERY_S", 0)
    keys = Keys(settings.namespace)
    before = Meta(topic_id="of before", partitions=meta.partitions)
    async with ReconnectingConnection(settings.redis or "") as connection:
        with pytest.raises(preflight.PreflightChanged, match=r"made anew.*`etalage topics create --adopt`"):
            await MetaCheck(before, connection, keys, settings, _raise).run()
