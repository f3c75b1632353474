"""What must hold of a Redis server before it is used: it forgets no visitor and is no cluster."""

from __future__ import annotations

from msgspec import Struct

from schemas.errors import ServiceMissing
from streams.stores.redis.connection import ReconnectingConnection, run_blocking
from streams.stores.redis.endpoint.address import RedisAddress

DESCRIBE_WITHIN_S = 5.0


class ServerInfo(Struct, frozen=True):
    """A server's version and what it does when memory is full."""

    version: str
    eviction_policy: str


async def refuse_eviction(connection: ReconnectingConnection) -> None:
    """Check that this Redis never evicts.

    Raises:
        ServiceMissing: it may throw visitors away to make room; the text says what to set.
        StoreUnavailable: it does not answer.
    """
    policy = (await _info(connection, "memory")).get("maxmemory_policy")
    if policy != "noeviction":
        raise ServiceMissing(
            f"Redis has maxmemory-policy {policy}: it would silently forget visitors; "
            "set it with `CONFIG SET maxmemory-policy noeviction`"
        )


async def refuse_cluster(connection: ReconnectingConnection) -> None:
    """Check that this Redis is no node of a Redis Cluster, whose redirections we do not follow.

    Raises:
        ServiceMissing: it is one.
        StoreUnavailable: it does not answer.
    """
    if (await _info(connection, "cluster")).get("cluster_enabled") == "1":
        raise ServiceMissing(
            "Redis runs in cluster mode, which is not supported: "
            "set ETALAGE_REDIS to a Redis with `cluster-enabled no`"
        )


def describe_server(address: RedisAddress) -> ServerInfo:
    """Version and eviction policy of the server at `address`, for callers that cannot await.

    Raises:
        StoreUnavailable: it does not answer within DESCRIBE_WITHIN_S seconds.
    """

    async def describe(connection: ReconnectingConnection) -> ServerInfo:
        server, memory = await _info(connection, "server"), await _info(connection, "memory")
        return ServerInfo(server.get("redis_version", ""), memory.get("maxmemory_policy", ""))

    return run_blocking(address, describe, within_s=DESCRIBE_WITHIN_S)


async def _info(connection: ReconnectingConnection, section: str) -> dict[str, str]:
    """A section of INFO by field."""
    text: bytes = await connection.call("INFO", section)
    fields = (line.partition(":") for line in text.decode().splitlines())
    return {name: value for name, colon, value in fields if colon}
