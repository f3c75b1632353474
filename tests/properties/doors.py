"""What a worker of `interleavings` works with: a store behind a door, letters, a small policy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from schemas.errors import StoreUnavailable
from schemas.ids import VisitorId
from streams.stores.memory import MemoryStore
from streams.stores.protocols import Claim, Loaded, SliceWrite
from streams.workers.personalize.decider import LiveLayoutRequest, LiveLayoutUpdate


@dataclass
class Raw:
    """A record as the consumer gives it."""

    key: bytes | None
    value: bytes | None
    offset: int
    timestamp: int
    partition: int = 0
    headers: tuple[Any, ...] = ()


@dataclass
class Call:
    """A store call that waits at the door."""

    worker: int
    carry_out: Callable[[], Awaitable[Any]]
    answer: asyncio.Future[Any]


class Behind(Protocol):
    """What is behind the door: a store, and those who wait."""

    store: MemoryStore
    waiting: list[Call]


class Door:
    """A VisitorStore whose calls pass when told to."""

    def __init__(self, behind: Behind, worker: int) -> None:
        self._behind, self._worker = behind, worker

    async def _wait(self, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        call = Call(self._worker, carry_out, asyncio.get_running_loop().create_future())
        self._behind.waiting.append(call)
        return await call.answer

    async def claim(
        self, partition: int, owner: str, kafka_generation: int, *, nonce: str | None = None
    ) -> Claim:
        store = self._behind.store
        claim: Claim = await self._wait(lambda: store.claim(partition, owner, kafka_generation, nonce=nonce))
        return claim

    async def load(
        self, partition: int, visitors: Sequence[VisitorId], *, bodies: bool = True
    ) -> list[Loaded]:
        loaded: list[Loaded] = await self._wait(
            lambda: self._behind.store.load(partition, visitors, bodies=bodies)
        )
        return loaded

    async def write(self, write: SliceWrite) -> None:
        await self._wait(lambda: self._behind.store.write(write))


async def retry_at_once(stage: str, call: Callable[[], Awaitable[Any]]) -> Any:
    """Tries again without a pause: the tape decides how long a store stays away."""
    while True:
        try:
            return await call()
        except StoreUnavailable:
            await asyncio.sleep(0)


class Letters:
    """Remembers where buried records stood."""

    def __init__(self) -> None:
        self.offsets: set[int] = set()

    async def bury(self, letters: Sequence[Any], *, of: int) -> None:
        self.offsets.update(letter.offset for letter in letters)


def alternating_policy(requests: Sequence[LiveLayoutRequest], at: float) -> list[LiveLayoutUpdate]:
    """A policy whose content changes with every second event."""
    made = []
    for one in requests:
        fills = one.state.events // 2
        body = b"%d" % fills if one.whole or fills != one.previous else None
        made.append(LiveLayoutUpdate(head=one.version.text().encode(), body=body, fills=fills))
    return made
