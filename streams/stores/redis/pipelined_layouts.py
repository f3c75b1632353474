"""The LayoutReader of stores over a Wire: the answers of streams.stores.redis.layouts, many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson

from schemas.errors import StoreUnavailable
from schemas.ids import VisitorId
from streams.stores.keys import Keys
from streams.stores.protocols import Following, Notice, Stored
from streams.stores.redis.pipelined_connection import (
    PipelinedConnection,
    ReconnectingConnection,
    raise_on_error,
)


class PipelinedLayouts:
    """Reads through one pipelined connection; notices on another."""

    def __init__(self, address: str, keys: Keys) -> None:
        self._address, self._keys = address, keys
        self._redis = ReconnectingConnection(address)

    def start(self) -> None:
        """Connect in the background, for ever."""
        self._redis.start()

    async def stop(self) -> None:
        await self._redis.stop()

    async def wait_connected(self) -> None:
        """Wait until there is a connection."""
        await self._redis.wait_connected()

    async def layout(self, partition: int, visitor: VisitorId) -> tuple[bytes, bytes] | None:
        head, body = _values(await self._redis.ask("HMGET", self._keys.layout(partition, visitor), "h", "b"))
        return None if head is None or body is None else (head, body)

    async def state(self, partition: int, visitor: VisitorId) -> bytes | None:
        state: bytes | None = raise_on_error(
            await self._redis.ask("GET", self._keys.state(partition, visitor))
        )
        return state

    async def state_layout_done(self, partition: int, visitor: VisitorId) -> Stored:
        """One after another, `done` first: a state read after it is at least as new as `done` says."""
        asked = (
            self._redis.ask("HMGET", self._keys.own(partition), "done", "i"),
            self._redis.ask("GET", self._keys.state(partition, visitor)),
            self._redis.ask("HMGET", self._keys.layout(partition, visitor), "h", "b"),
        )
        own, state, layout = await asyncio.gather(*asked)
        (done, incarnation), (head, body) = _values(own), _values(layout)
        return Stored(
            state=raise_on_error(state),
            head=head,
            body=body,
            done=_number(done),
            incarnation=_number(incarnation),
        )

    async def meta(self) -> bytes | None:
        """The JSON in `<ns>:meta`, None before the topics were created."""
        meta: bytes | None = raise_on_error(await self._redis.ask("GET", self._keys.meta))
        return meta

    def notices(self) -> PipelinedNotices:
        return PipelinedNotices(self._address, self._keys)


class PipelinedNotices:
    """One plain connection; one SSUBSCRIBE a channel, as each channel has its own cluster slot."""

    def __init__(self, address: str, keys: Keys) -> None:
        self._keys = keys
        self._wanted: set[int] = set()
        self._heard: asyncio.Queue[Notice | Following | None] = asyncio.Queue()
        self._redis = ReconnectingConnection(address, on_message=self._message, on_open=self._opened)
        self._started = False

    async def follow(self, partition: int) -> None:
        self._wanted.add(partition)
        if not self._started:
            self._started = True
            self._redis.start()
        elif self._redis.wire is not None:
            await self._subscribe(self._redis.wire, partition)

    async def unfollow(self, partition: int) -> None:
        self._wanted.discard(partition)
        if self._redis.wire is not None:
            await self._told(self._redis.wire, "SUNSUBSCRIBE", partition)

    async def close(self) -> None:
        await self._redis.stop()
        self._heard.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Notice | Following]:
        while (ignore_result := await self._heard.get()) is not None:
            yield ignore_result

    async def _opened(self, wire: PipelinedConnection) -> None:
        told: set[int] = set()
        while missing := self._wanted - told:  # one may be wanted while another is being told
            for partition in sorted(missing):
                await self._subscribe(wire, partition)
            told |= missing

    async def _subscribe(self, wire: PipelinedConnection, partition: int) -> None:
        if await self._told(wire, "SSUBSCRIBE", partition):
            self._heard.put_nowait(Following(partition))

    async def _told(self, wire: PipelinedConnection, command: str, partition: int) -> bool:
        """Whether Redis did it; a connection that broke meanwhile subscribes again when it is back."""
        try:
            raise_on_error(await wire.ask(command, self._keys.channel(partition)))
        except StoreUnavailable:
            wire.close()
            return False
        return True

    def _message(self, channel: bytes, payload: bytes) -> None:
        partition = self._keys.partition_of_channel(channel.decode())
        for visitor, changed, version, *times in orjson.loads(payload):
            self._heard.put_nowait(Notice(partition, visitor, bool(changed), version, tuple(times)))


def _number(text: bytes | None) -> int | None:
    return None if text is None else int(text)


def _values(reply: Any) -> Sequence[bytes | None]:
    values: Sequence[bytes | None] = raise_on_error(reply)
    return values
