"""Stores under test, with what operators and accidents do to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import redis.asyncio

from schemas.ids import VisitorId
from streams.stores.keys import Keys
from streams.stores.memory import MemoryStore
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.layouts import RedisLayouts
from streams.stores.redis.visitors import RedisVisitors

P = 3
INCARNATION = 7


class Store:
    """A store under test, with what operators and accidents do to it."""

    visitors: Any
    layouts: Any

    async def own(self) -> dict[str, Any]:
        raise NotImplementedError

    async def set_own(self, **fields: Any) -> None:
        raise NotImplementedError

    async def spoil_state(self, visitor: VisitorId, value: bytes | list[str]) -> None:
        """Put something else in the place of a state: other bytes, or a value of another type."""
        raise NotImplementedError

    async def spoil_window(self, visitor: VisitorId, value: bytes | list[str]) -> None:
        """The same of a window."""
        raise NotImplementedError

    async def spoil_layout(self, visitor: VisitorId) -> None:
        """Put a list in the place of a layout."""
        raise NotImplementedError

    async def kept(self, key: str) -> Any:
        """What was set aside under that key."""
        raise NotImplementedError

    async def flush(self) -> None:
        raise NotImplementedError

    def reopen(self, incarnation: int) -> Any:
        raise NotImplementedError


class Memory(Store):
    def __init__(self) -> None:
        self.visitors = self.layouts = MemoryStore(incarnation=INCARNATION)

    async def own(self) -> dict[str, Any]:
        own = self.visitors.contents.own[P]
        return {"e": own.epoch, "done": own.done, "part": own.part}

    async def set_own(self, **fields: Any) -> None:
        own = self.visitors.contents.own[P]
        if "e" in fields:
            counter, _, own.nonce = fields["e"].partition(":")
            own.counter = int(counter)
        own.done = fields.get("done", own.done)
        own.part = fields.get("part", own.part)
        own.claimed_at -= fields.get("aged", 0)

    async def spoil_state(self, visitor: VisitorId, value: bytes | list[str]) -> None:
        self.visitors.contents.states[P, visitor] = value

    async def spoil_window(self, visitor: VisitorId, value: bytes | list[str]) -> None:
        self.visitors.contents.windows[P, visitor] = value

    async def spoil_layout(self, visitor: VisitorId) -> None:
        self.visitors.contents.layouts[P, visitor] = ["x"]

    async def kept(self, key: str) -> Any:
        return self.visitors.contents.quarantined[key][1]

    async def flush(self) -> None:
        self.visitors.flush()

    def reopen(self, incarnation: int) -> Any:
        twin = MemoryStore(incarnation=incarnation)
        twin.contents = self.visitors.contents
        return twin


class Redis(Store):
    """`client` is a library's own, for what the product never does."""

    def __init__(self, connection: ReconnectingConnection, client: Any, keys: Keys) -> None:
        self.connection, self.client, self.keys = connection, client, keys
        self.visitors = RedisVisitors(connection, keys, incarnation=INCARNATION)
        self.layouts = RedisLayouts(connection, keys)

    async def own(self) -> dict[str, Any]:
        own = await self.client.hgetall(self.keys.own(P))
        return {
            "e": own[b"e"].decode(),
            "done": int(own.get(b"done", -1)),
            "part": int(own[b"part"]),
        }

    async def set_own(self, **fields: Any) -> None:
        if aged := fields.pop("aged", 0):
            await self.client.hincrby(self.keys.own(P), "at", -aged)
        if fields:
            await self.client.hset(self.keys.own(P), mapping=fields)

    async def spoil_state(self, visitor: VisitorId, value: bytes | list[str]) -> None:
        await self._spoil(self.keys.state(P, visitor), value)

    async def spoil_window(self, visitor: VisitorId, value: bytes | list[str]) -> None:
        await self._spoil(self.keys.window(P, visitor), value)

    async def spoil_layout(self, visitor: VisitorId) -> None:
        await self._spoil(self.keys.layout(P, visitor), ["x"])

    async def _spoil(self, key: str, value: bytes | list[str]) -> None:
        await self.client.delete(key)
        await (self.client.set(key, value) if isinstance(value, bytes) else self.client.rpush(key, *value))

    async def kept(self, key: str) -> Any:
        assert await self.client.ttl(key) > 0
        if await self.client.type(key) == b"list":
            return [each.decode() for each in await self.client.lrange(key, 0, -1)]
        return await self.client.get(key)

    async def flush(self) -> None:
        names = [name async for name in self.client.scan_iter(f"*{{{self.keys.namespace}.*")]
        if names:
            await self.client.delete(*names)
        await self.client.script_flush()  # and the scripts, as a restart does

    def reopen(self, incarnation: int) -> Any:
        return RedisVisitors(self.connection, self.keys, incarnation=incarnation)


@asynccontextmanager
async def open_memory(fixture: Callable[[str], Any]) -> AsyncIterator[Store]:
    yield Memory()


@asynccontextmanager
async def open_redis(fixture: Callable[[str], Any]) -> AsyncIterator[Store]:
    address, keys = fixture("redis_url"), Keys(fixture("namespace"))
    async with ReconnectingConnection(address) as connection, redis.asyncio.Redis.from_url(address) as client:
        async with asyncio.timeout(10):
            await connection.wait_connected()
        yield Redis(connection, client, keys)


Opener = Callable[[Callable[[str], Any]], AbstractAsyncContextManager[Store]]
STORES: Mapping[str, Opener] = {"memory": open_memory, "redis": open_redis}
"""How each store is opened, given how to get a fixture by its name."""
