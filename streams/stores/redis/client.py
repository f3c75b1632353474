"""Redis clients and the one seam where Redis' errors become ours."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha1
from importlib.resources import files
from typing import Any

import hiredis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)
from redis.retry import Retry

from schemas.errors import ServiceMissing, StoreUnavailable, error_text
from streams.runtime.settings import redis_url_of

Call = Callable[..., Awaitable[Any]]
"""Sends one command, given as words; its answer, or redis-py's error."""

PASSING = (
    ConnectionError, BusyLoadingError, TimeoutError, ReadOnlyError, MasterDownError, ClusterDownError,
    TryAgainError, OutOfMemoryError, OSError, asyncio.IncompleteReadError,
)  # fmt: skip
"""Foreign errors that may pass by themselves."""

PASSING_WORDS = ("MISCONF", "NOREPLICAS", "LOADING", "BUSY ", "UNKILLABLE")
"""First words of ResponseErrors that may pass by themselves."""

UNREACHED = re.compile(r"Error (?:(\d+) )?(.*)connecting to (\S+?)\.(?: (.*)\.)?", re.DOTALL)
"""How redis-py words a connection that could not be made: number or cause, address, cause."""


@contextmanager
def translate_errors() -> Iterator[None]:
    """Passing failures of Redis leave as StoreUnavailable; anything else is a defect and leaves as it is."""
    try:
        yield
    except PASSING as exc:
        raise StoreUnavailable(redis_error_text(exc)) from exc
    except ResponseError as exc:
        if str(exc).startswith(PASSING_WORDS):
            raise StoreUnavailable(f"Redis: {exc}") from exc
        raise


def redis_error_text(exc: BaseException) -> str:
    """What Redis or its client says; a connection that cannot be made is told as Kafka's is."""
    found = UNREACHED.fullmatch(str(exc))
    if found is None:
        return f"Redis: {error_text(exc)}"
    number, first, address, last = found.groups()
    why = os.strerror(int(number)) if number else last or first.strip()  # the number's text has no address
    return f"Redis at {address} does not answer{why and ': '}{why}"


class PackedConnection(redis.asyncio.Connection):
    """Commands packed in C: redis-py's own loop costs more than sending what it packs."""

    def pack_command(self, *args: Any) -> list[bytes]:
        return [hiredis.pack_command(_words(args))]

    def pack_commands(self, commands: Iterable[Iterable[Any]]) -> list[bytes]:
        return [b"".join(hiredis.pack_command(_words(tuple(words))) for words in commands)]


def _words(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """redis-py names some commands by two words, which the server wants apart."""
    name = args[0]
    return (*name.split(), *args[1:]) if " " in name else args


def connect(address: str, *, connections: int = 32) -> redis.asyncio.Redis:
    """A client that connects at its first use.

    No socket timeout (it would cost 6 µs a reply): callers put one deadline around their work. One retry: a
    connection that idled through a restart of Redis fails once.
    """
    client: redis.asyncio.Redis = redis.asyncio.Redis.from_url(
        redis_url_of(address), max_connections=connections, protocol=2, socket_timeout=None,
        connection_class=PackedConnection, socket_connect_timeout=2.0, socket_keepalive=True,
        health_check_interval=0, retry=Retry(NoBackoff(), 1),
    )  # fmt: skip
    return client


async def refuse_eviction(client: redis.asyncio.Redis) -> None:
    """ServiceMissing when this Redis may throw visitors away to make room."""
    with translate_errors():
        memory = await client.info("memory")
    policy = memory.get("maxmemory_policy")
    if policy != "noeviction":
        raise ServiceMissing(
            f"Redis has maxmemory-policy {policy}: it would silently forget visitors; "
            "set it with `CONFIG SET maxmemory-policy noeviction`"
        )


async def refuse_cluster(client: redis.asyncio.Redis) -> None:
    """ServiceMissing when this Redis is a node of a Redis Cluster, whose redirections we do not follow."""
    with translate_errors():
        cluster = await client.info("cluster")
    if cluster.get("cluster_enabled"):
        raise ServiceMissing(
            "Redis runs in cluster mode, which is not supported: "
            "set ETALAGE_REDIS to a Redis with `cluster-enabled no`"
        )


class Script:
    """A Lua script called by its hash, sent whole when Redis does not know it (yet, or any more)."""

    def __init__(self, call: Call, text: str) -> None:
        self._call = call
        self._text = text
        self._sha = sha1(text.encode(), usedforsecurity=False).hexdigest()

    @classmethod
    def packaged(cls, client: redis.asyncio.Redis, name: str) -> Script:
        """The packaged script `scripts/<name>.lua`, each call on a connection of its own."""
        return cls(partial(command, client), script_text(name))

    async def __call__(self, keys: list[str], arguments: list[object]) -> Any:
        with translate_errors():
            try:
                return await self._call("EVALSHA", self._sha, len(keys), *keys, *arguments)
            except NoScriptError:
                return await self._call("EVAL", self._text, len(keys), *keys, *arguments)


async def command(client: redis.asyncio.Redis, *words: object) -> Any:
    """One command as it is; the client leaves this method untyped."""
    return await client.execute_command(*words)  # type: ignore[no-untyped-call]


def script_text(name: str) -> str:
    """The text of `scripts/<name>.lua`."""
    return files("streams.stores.redis").joinpath("scripts", f"{name}.lua").read_text()
