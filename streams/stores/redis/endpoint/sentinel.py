"""Which Redis is the master, asked of Sentinels: they replace one that died, and clients look again.

The protocol of https://redis.io/docs/latest/develop/reference/sentinel-clients/, but for one thing: all
Sentinels are asked, not the first that answers. One that was cut off names the old master as long as it is
alone. Of what they name only its own word (ROLE) is believed that it is a master; the caller asks it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from ssl import SSLContext

from schemas.errors import EtalageError, StoreUnavailable
from streams.stores.redis.pipeline import Host, PipelinedConnection, RedisArgument, Reply, raise_error

ANSWER_WITHIN_S = 0.4
"""How long Sentinels may take: some can hang within the time that one attempt to connect has."""


async def find_masters(
    sentinels: Sequence[Host],
    service: str,
    login: Sequence[Sequence[RedisArgument]],
    tls: SSLContext | None,
) -> list[Host]:
    """Host and port of what Sentinels name as the master of `service`: one place, unless they disagree.

    Args:
        sentinels: host and port of each; all are asked at once.
        service: the name that they know the master and its replicas by.
        login: what a Sentinel is told first.
        tls: for connections with TLS.

    Returns:
        Each place once, what most of them name first; of as many, what stands first among `sentinels`.

    Raises:
        StoreUnavailable: none names one; its cause is what the last one answered, or why it did not.
    """
    commands = [*login, ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service)]
    answers = await asyncio.gather(*(_ask_master(place, service, commands, tls) for place in sentinels))
    named = Counter(answer for answer in answers if not isinstance(answer, Exception))
    if not named:
        raise StoreUnavailable("no Sentinel names a master") from _last_error(answers)
    return [place for place, _ in named.most_common()]


def _last_error(answers: Sequence[Host | Exception]) -> Exception | None:
    return next((answer for answer in reversed(answers) if isinstance(answer, Exception)), None)


async def _ask_master(
    sentinel: Host, service: str, commands: Sequence[Sequence[RedisArgument]], tls: SSLContext | None
) -> Host | Exception:
    """The place that one Sentinel names, or why it names none."""
    host, port = sentinel
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            answer = await _ask_once(host, port, tls, commands)
    except (EtalageError, OSError, TimeoutError) as exc:
        return exc
    if answer is None:
        return StoreUnavailable(f"the Sentinel {host}:{port} knows no service {service!r}")
    return answer[0].decode(), int(answer[1])


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
