"""Which Redis is the master, asked of Sentinels: they replace one that died, and clients look again.

The protocol of https://redis.io/docs/latest/develop/reference/sentinel-clients/: ask the Sentinels in turn,
connect to the master that the first one names, and believe only its own word (ROLE) that it is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ssl import SSLContext

from schemas.errors import EtalageError, StoreUnavailable
from streams.stores.redis.endpoint.address import Command, Host, RedisAddress
from streams.stores.redis.endpoint.connect_errors import connect_error_text
from streams.stores.redis.pipeline import PipelinedConnection, Reply, raise_error

ANSWER_WITHIN_S = 0.4
"""How long one Sentinel may take: several can hang within the time that one attempt to connect has."""


async def find_host(address: RedisAddress) -> Host:
    """Host and port to connect to: those of the address, or what its Sentinels say.

    Raises:
        StoreUnavailable: no Sentinel answers with a master; says what the last one answered.
    """
    if address.sentinels is None:
        return address.host, address.port
    trouble = ""
    for host in address.sentinels.hosts:
        try:
            return await _ask_sentinel(address, host)
        except (EtalageError, OSError, TimeoutError) as exc:
            text = connect_error_text(f"{host[0]}:{host[1]} (Sentinel)", exc, ANSWER_WITHIN_S)
            trouble = text.replace("Redis at ", "", 1)
    raise StoreUnavailable(f"no Sentinel names a master: {trouble}")


async def refuse_replica(connection: PipelinedConnection, address: RedisAddress) -> None:
    """Check that what Sentinels named is a master by its own account; raises StoreUnavailable when not."""
    if address.sentinels is not None and not is_master(raise_error(await connection.ask("ROLE"))):
        raise StoreUnavailable(f"Redis at {address}: the Sentinels still name a master that is none")


def is_master(role: Reply) -> bool:
    """Whether this reply to ROLE is a master's; an error reply says nothing and counts as one."""
    return not isinstance(role, list) or role[0] == b"master"


async def _ask_sentinel(address: RedisAddress, host: Host) -> Host:
    assert address.sentinels is not None
    service = address.sentinels.service
    question: Command = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service)
    async with asyncio.timeout(ANSWER_WITHIN_S):
        answer = await _ask_once(host, address.tls, [*address.sentinels.login.command(), question])
    match answer:
        case [bytes(name), bytes(port)]:
            return name.decode(), int(port)
        case _:
            raise StoreUnavailable(f"the Sentinel {host[0]}:{host[1]} knows no service {service!r}")


async def _ask_once(host: Host, tls: SSLContext | None, commands: Sequence[Command]) -> Reply:
    """The reply to the last of `commands`, over a connection of its own; an error reply is raised."""
    lost = asyncio.Event()

    def note_loss(_: str) -> None:
        lost.set()

    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: PipelinedConnection(f"{host[0]}:{host[1]}", note_loss), *host, ssl=tls
    )
    try:
        reply: Reply = None
        for words in commands:
            reply = raise_error(await connection.ask(*words))
        return reply
    finally:
        connection.close()
        await lost.wait()
