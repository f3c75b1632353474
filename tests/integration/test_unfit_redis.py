"""A Redis of a kind that cannot be used is refused at boot, in one line."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from schemas.errors import ServiceMissing, StoreUnavailable
from streams import boot
from streams.boot import checked_meta
from streams.gateway.serve import serve
from streams.local.ports import free_port
from streams.local.redis import RedisRecipe
from streams.local.server import LocalServer
from streams.settings import Settings
from streams.stores.keys import Keys
from streams.stores.redis_client import connect, refuse_cluster

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
    client = connect(cluster.redis or "")
    with pytest.raises(ServiceMissing, match=WHY):
        await checked_meta(client, Keys(cluster.namespace), cluster)
    await client.aclose()


async def test_a_redis_alone_is_welcome(redis_url: str) -> None:
    client = connect(redis_url)
    await refuse_cluster(client)
    await client.aclose()


async def test_a_redis_that_hangs_is_named_and_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(boot, "WITHIN_S", 0.3)
    monkeypatch.setattr(boot, "ANSWER_WITHIN_S", 0.1)
    settings = Settings()
    with socket.create_server(("127.0.0.1", 0)) as mute, structlog.testing.capture_logs() as said:
        client = connect(f"redis://127.0.0.1:{mute.getsockname()[1]}")
        with pytest.raises(StoreUnavailable, match=r"Redis: no answer within 0\.1 s"):
            await checked_meta(client, Keys(settings.namespace), settings)
        await client.aclose()
    assert [(line["event"], line["why"]) for line in said] == [
        ("waiting to begin", "Redis: no answer within 0.1 s")
    ]
