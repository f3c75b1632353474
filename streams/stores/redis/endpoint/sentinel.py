"""Which Redis is the master, asked of Sentinels: they replace one that died, and clients look again.

The protocol of https://redis.io/docs/latest/develop/reference/sentinel-clients/: ask the Sentinels in turn,
connect to the master that the first one names, and believe only its own word (ROLE) that it is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ssl import SSLContext

from schemas.errors import EtalageError, StoreUnavailable
from streams.stores.redis.pipeline import PipelinedConnection, RedisArgument, Reply, raise_error

ANSWER_WITHIN_S = 0.4
"""How long one Sentinel may take: several can hang within the time that one attempt to connect has."""


async def find_master(
    sentinels: Sequence[tuple[str, int]],
    service: str,
    login: Sequence[Sequence[RedisArgument]],
    tls: SSLContext | None,
) -> tuple[str, int]:
    """Host and port of the master of `service`.

    Args:
        sentinels: host and port of each, asked in this order.
        service: the name that they know the master and its replicas by.
        login: what a Sentinel is told first.
        tls: for connections with TLS.

    Raises:
        StoreUnavailable: none names one; its cause is what the last one answered, or why it did not.
    """
    failed: Exception | None = None
    for host, port in sentinels:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                question = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service)
                answer = await _ask_once(host, port, tls, [*login, question])
            if answer is not None:
                return answer[0].decode(), int(answer[1])
            failed = StoreUnavailable(f"the Sentinel {host}:{port} knows no service {service!r}")
        except (EtalageError, OSError, TimeoutError) as exc:
            failed = exc
    raise StoreUnavailable("no Sentinel names a master") from failed


def is_master(role: Reply) -> bool:
    """Whether this reply to ROLE is a master's; an error reply says nothing and counts as one."""
    return not isinstance(role, list) or role[0] == b"master"


async def _ask_once(
    host: str, port: int, tls: SSLContext | None, commands: Sequence[Sequence[RedisArgument]]
) -> Reply:
    """The reply to the last of `commands`, over a connection of its own; an error reply is raised."""
    lost = asyncio.Event()

    def note_loss(_: str) -> None:
        lost.set()

    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: PipelinedConnection(f"{host}:{port}", note_loss), host, port, ssl=tls
    )
    try:
        reply: Reply = None
        for words in commands:
            reply = raise_error(await connection.ask(*words))
        return reply
    finally:
        connection.close()
        await lost.wait()
