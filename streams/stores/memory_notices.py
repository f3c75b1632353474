"""Notices within one process: what the in-memory store sends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from streams.stores.protocols import Following, Notice


class MemoryNotices:
    """The subscription of a process to its own store."""

    def __init__(self) -> None:
        self._followed: set[int] = set()
        self._received: asyncio.Queue[Notice | Following | None] = asyncio.Queue()

    def deliver(self, notice: Notice) -> None:
        """Add a notice to the stream, when its partition is followed."""
        if notice.partition in self._followed:
            self._received.put_nowait(notice)

    async def follow(self, partition: int) -> None:
        if partition not in self._followed:
            self._followed.add(partition)
            self._received.put_nowait(Following(partition))

    async def unfollow(self, partition: int) -> None:
        self._followed.discard(partition)

    async def __aiter__(self) -> AsyncIterator[Notice | Following]:
        while (received := await self._received.get()) is not None:
            yield received

    async def close(self) -> None:
        self._followed.clear()
        self._received.put_nowait(None)
