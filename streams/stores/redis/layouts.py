"""Visitors in Redis, for gateways: reads, and notices over sharded pub/sub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Any

import orjson
import redis.asyncio

from schemas.ids import VisitorId
from streams.stores.keys import Keys
from streams.stores.protocols import Following, Notice, Stored
from streams.stores.redis.client import PASSING, Script, command, connect, translate_errors

RECONNECT_S = 0.25
"""Pause before a lost connection for notices is opened again."""


class RedisLayouts:
    """`address` is where notices are listened to, on a connection of their own."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys, *, address: str) -> None:
        self._client = client
        self._keys = keys
        self._address = address
        self._read = Script.packaged(client, "read")

    async def layout(self, partition: int, visitor: VisitorId) -> tuple[bytes, bytes] | None:
        with translate_errors():
            head, body = await command(self._client, "HMGET", self._keys.layout(partition, visitor), "h", "b")
        return None if head is None or body is None else (head, body)

    async def state(self, partition: int, visitor: VisitorId) -> bytes | None:
        with translate_errors():
            state: bytes | None = await command(self._client, "GET", self._keys.state(partition, visitor))
        return state

    async def state_layout_done(self, partition: int, visitor: VisitorId) -> Stored:
        keys = [
            self._keys.state(partition, visitor),
            self._keys.layout(partition, visitor),
            self._keys.own(partition),
        ]
        answer: Any = await self._read(keys, [])
        state, head, body, done, incarnation = answer
        return Stored(
            state=state, head=head, body=body,
            done=None if done is None else int(done),
            incarnation=None if incarnation is None else int(incarnation),
        )  # fmt: skip

    def notices(self) -> RedisNotices:
        return RedisNotices(self._address, self._keys)


class RedisNotices:
    """One plain connection; one SSUBSCRIBE a channel, as each channel has its own cluster slot.

    One task iterates; others follow and unfollow. End the iteration (cancel its task) before `close`.
    """

    def __init__(self, address: str, keys: Keys) -> None:
        self._client = connect(address, connections=2)
        self._keys = keys
        self._wanted: set[int] = set()
        self._told: set[int] = set()  # what the connection was asked for
        self._someone = asyncio.Event()
        self._listening: Any = None

    async def follow(self, partition: int) -> None:
        self._wanted.add(partition)
        self._someone.set()
        await self._tell_soon()

    async def unfollow(self, partition: int) -> None:
        self._wanted.discard(partition)
        if not self._wanted:
            self._someone.clear()
        await self._tell_soon()

    async def close(self) -> None:
        self._wanted.clear()
        await self._hang_up()
        await self._client.aclose()

    async def __aiter__(self) -> AsyncGenerator[Notice | Following, None]:
        while True:
            await self._someone.wait()
            try:
                async for ignore_result in self._listen():
                    yield ignore_result
            except PASSING:
                await self._hang_up()
                await asyncio.sleep(RECONNECT_S)

    async def _listen(self) -> AsyncIterator[Notice | Following]:
        """What the connection says, until it breaks or nobody is followed."""
        if self._listening is None:
            self._listening = self._client.pubsub()
        await self._tell()
        while self._wanted:
            message = await self._listening.get_message(timeout=1.0)
            if message is None:
                await self._tell()  # what a broken connection kept `follow` from saying
            for ignore_result in self._understood(message):
                yield ignore_result

    def _understood(self, message: dict[str, Any] | None) -> list[Notice | Following]:
        if message is None or message["type"] not in ("smessage", "ssubscribe"):
            return []
        partition = self._keys.partition_of_channel(message["channel"].decode())
        if message["type"] == "ssubscribe":
            return [Following(partition)]
        return [
            Notice(partition, visitor, bool(changed), version, tuple(times))
            for visitor, changed, version, *times in orjson.loads(message["data"])
        ]

    async def _tell_soon(self) -> None:
        """Change an open subscription at once; the listener makes up for what fails here."""
        if self._listening is not None:
            with suppress(*PASSING):
                await self._tell()

    async def _tell(self) -> None:
        for partition in sorted(self._wanted - self._told):
            self._told.add(partition)
            await self._say("ssubscribe", partition)
        for partition in sorted(self._told - self._wanted):
            self._told.discard(partition)
            await self._say("sunsubscribe", partition)

    async def _say(self, command: str, partition: int) -> None:
        try:
            await getattr(self._listening, command)(self._keys.channel(partition))
        except PASSING:
            self._told.discard(partition)
            raise

    async def _hang_up(self) -> None:
        listening, self._listening = self._listening, None
        self._told.clear()
        if listening is not None:
            await listening.aclose()
