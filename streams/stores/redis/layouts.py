"""What gateways read in Redis: states, layouts, and notices of changes over sharded pub/sub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import orjson

from schemas.errors import EtalageError, KeyUnreadable, StoreUnavailable
from schemas.ids import VisitorId
from streams.runtime.telemetry.logs import LogOnce, logger
from streams.stores.keys import Keys
from streams.stores.progress import PartitionProgress
from streams.stores.protocols import Following, Notice, Stored
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.endpoint.address import RedisAddress
from streams.stores.redis.pipeline import CommandRefused, PipelinedConnection, Reply, raise_error

log = logger("redis")

REFUSED_FOR_S = 20.0
"""How long a refused read counts as a trouble; the partition map reads more often than that."""


class RedisLayouts:
    """The LayoutReader over a connection that its owner starts and stops; notices have their own.

    Every read fails at once while there is no connection. What Redis refuses is StoreUnavailable too: a page
    is then decided without it.
    """

    def __init__(self, connection: ReconnectingConnection, keys: Keys) -> None:
        self._redis, self._keys = connection, keys
        self._refusal = Refusal()

    @property
    def trouble(self) -> str:
        return self._redis.trouble or self._refusal.recent

    async def layout(self, partition: int, visitor: VisitorId) -> tuple[bytes, bytes] | None:
        key = self._keys.layout(partition, visitor)
        head, body = self._refusal.pass_on(await self._redis.ask("HMGET", key, "h", "b"))
        return None if head is None or body is None else (head, body)

    async def state(self, partition: int, visitor: VisitorId) -> bytes | None:
        key = self._keys.state(partition, visitor)
        state: bytes | None = self._refusal.pass_on(await self._redis.ask("GET", key))
        return state

    async def state_layout_done(self, partition: int, visitor: VisitorId) -> Stored:
        """In a transaction, which costs Redis 8 µs; a script cost it 11 (measured)."""
        ask, keys = self._redis.ask, self._keys
        ask("MULTI")
        queued = (
            ask("GET", keys.state(partition, visitor)),
            ask("HMGET", keys.layout(partition, visitor), "h", "b"),
            ask("HMGET", keys.own(partition), "done", "i"),
        )
        reply = await ask("EXEC")
        if isinstance(reply, CommandRefused):  # EXECABORT: one of them says why
            reply = next((r for one in queued if isinstance(r := one.result(), EtalageError)), reply)
        state, layout, own = map(self._refusal.pass_on, self._refusal.pass_on(reply))
        (head, body), (done, incarnation) = layout, own
        return Stored(
            state=state, head=head, body=body,
            done=_number_of(done), incarnation=_number_of(incarnation),
        )  # fmt: skip

    async def progress(self, partitions: int) -> list[PartitionProgress]:
        return await read_progress(self._redis.ask, self._keys, partitions)

    async def meta(self) -> bytes | None:
        """The JSON in `<ns>:meta`, None before the topics were created."""
        meta: bytes | None = self._refusal.pass_on(await self._redis.ask("GET", self._keys.meta))
        return meta

    def notices(self) -> RedisNotices:
        return RedisNotices(self._redis.address, self._keys)


class RedisNotices:
    """One connection of its own; one SSUBSCRIBE a channel, as each channel has its own cluster slot.

    It connects when a first partition is followed, and subscribes again after each reconnection.
    """

    def __init__(self, address: RedisAddress, keys: Keys) -> None:
        self._keys = keys
        self._followed: set[int] = set()
        self._received: asyncio.Queue[Notice | Following | None] = asyncio.Queue()
        self._trouble = LogOnce()
        self._redis = ReconnectingConnection(
            address, on_message=self._take_message, on_connect=self._subscribe_all
        )

    async def follow(self, partition: int) -> None:
        self._followed.add(partition)
        self._redis.start()
        if self._redis.current is not None:
            await self._change(self._redis.current, "SSUBSCRIBE", partition)

    async def unfollow(self, partition: int) -> None:
        self._followed.discard(partition)
        if self._redis.current is not None:
            await self._change(self._redis.current, "SUNSUBSCRIBE", partition)

    async def close(self) -> None:
        await self._redis.stop()
        self._received.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Notice | Following]:
        while (received := await self._received.get()) is not None:
            yield received

    async def _subscribe_all(self, connection: PipelinedConnection) -> None:
        subscribed: set[int] = set()
        while missing := self._followed - subscribed:  # one may be followed while another is subscribed to
            for partition in sorted(missing):
                raise_error(await self._change(connection, "SSUBSCRIBE", partition))
            subscribed |= missing

    async def _change(self, connection: PipelinedConnection, command: str, partition: int) -> Reply:
        """The reply, which may be an error: the connection is then made anew, with all that is followed."""
        reply = await connection.ask(command, self._keys.channel(partition))
        if isinstance(reply, EtalageError):
            connection.close(f"refused {command} ({reply})")
        elif command == "SSUBSCRIBE":
            self._received.put_nowait(Following(partition))
        return reply

    def _take_message(self, channel: bytes, payload: bytes) -> None:
        partition = self._keys.partition_of_channel(channel.decode())
        if partition not in self._followed:
            return
        try:
            notices = _read_notices(partition, payload)
        except (ValueError, TypeError) as exc:  # whatever it was about: open pages look again
            if self._trouble.begins():
                log.warning("skipping notice", service="redis", partition=partition, error=str(exc)[:200])
            self._received.put_nowait(Following(partition))
            return
        for notice in notices:
            self._received.put_nowait(notice)


def _read_notices(partition: int, payload: bytes) -> list[Notice]:
    """The notices of one message; ValueError or TypeError for what no worker sent."""
    entries = orjson.loads(payload)
    if type(entries) is not list:
        raise TypeError("no list of notices")
    notices = [
        Notice(partition, visitor, bool(changed), version, tuple(times))
        for visitor, changed, version, *times in entries
    ]
    if any(type(one.visitor) is not str or type(one.version) is not str for one in notices):
        raise TypeError("a visitor or a version that is no text")
    return notices


def _number_of(value: bytes | None) -> int | None:
    """What a field of `own` says; None for what no worker wrote, as if nobody had said anything."""
    try:
        return None if value is None else int(value)
    except ValueError:
        return None


async def read_progress(
    ask: Callable[..., asyncio.Future[Reply]], keys: Keys, partitions: int
) -> list[PartitionProgress]:
    """As LayoutReader.progress, with `ask` of any connection; all commands leave in one write.

    A partition whose key holds something else counts as one of which nobody has said anything.
    """
    replies = [ask("HMGET", keys.own(partition), "i", "done", "fresh") for partition in range(partitions)]
    seconds, micros = raise_error(await ask("TIME"))
    now_ms = int(seconds) * 1000 + int(micros) // 1000
    return [_progress_of(await reply, now_ms) for reply in replies]


def _progress_of(reply: Reply, now_ms: int) -> PartitionProgress:
    if isinstance(reply, EtalageError):
        return PartitionProgress()
    try:
        incarnation, done, fresh = (None if value is None else int(value) for value in reply)
    except ValueError:
        return PartitionProgress()
    behind_s = None if fresh is None else max(0, now_ms - fresh) / 1000
    return PartitionProgress(incarnation=incarnation, done=done, behind_s=behind_s)


class Refusal:
    """The last read that Redis refused for good, as for a missing permission: logged once, remembered."""

    def __init__(self) -> None:
        self._text, self._at = "", 0.0

    def pass_on(self, reply: Reply) -> Reply:
        """The reply, unless it is an error: StoreUnavailable; KeyUnreadable when the key is at fault."""
        if not isinstance(reply, EtalageError):
            return reply
        if not isinstance(reply, CommandRefused):
            raise reply
        if reply.wrong_type:
            raise KeyUnreadable(str(reply))
        if str(reply) != self._text:
            log.warning("redis refuses", service="redis", error=str(reply))
        self._text, self._at = str(reply), asyncio.get_running_loop().time()
        raise StoreUnavailable(str(reply))

    @property
    def recent(self) -> str:
        """Its text, for REFUSED_FOR_S seconds."""
        return (
            self._text if self._text and asyncio.get_running_loop().time() - self._at < REFUSED_FOR_S else ""
        )
