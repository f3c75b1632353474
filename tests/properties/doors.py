"""Where a worker of `interleavings` waits for the world: its store, letters and log; and a small policy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from models.visitor.packing import unpack
from schemas.errors import Fenced, Regressed, StoreUnavailable
from schemas.ids import VisitorId
from streams.kafka.transport.errors import NotAssigned
from streams.stores.memory import MemoryStore
from streams.stores.progress import ProgressReport
from streams.stores.protocols import Claim, Loaded, Quarantined, SliceWrite, WriteOutcome
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
    """A call that waits at the door; one that is `safe` always succeeds."""

    worker: int
    carry_out: Callable[[], Awaitable[Any]]
    answer: asyncio.Future[Any]
    safe: bool = False

    def succeed(self, result: Any) -> None:
        """Answer, unless whoever called gave up meanwhile."""
        if not self.answer.done():
            self.answer.set_result(result)

    def fail(self, error: Exception) -> None:
        """Answer with an error, unless whoever called gave up meanwhile."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Busy(StoreUnavailable):
    """The store cannot carry out this call now; those behind it over the same connection it can."""


class Behind(Protocol):
    """What is behind the doors: a store, those who wait, and where records were buried."""

    store: MemoryStore
    waiting: list[Call]
    buried: set[tuple[int, int]]

    def strand(self, worker: int, writes: Sequence[SliceWrite]) -> None:
        """These were sent over a connection that was lost: they may be carried out, and nobody listens."""
        ...


class Door:
    """A VisitorStore whose calls pass when told to."""

    def __init__(self, behind: Behind, worker: int) -> None:
        self._behind, self._worker = behind, worker

    async def _wait(self, carry_out: Callable[[], Awaitable[Any]], *, safe: bool = False) -> Any:
        call = Call(self._worker, carry_out, asyncio.get_running_loop().create_future(), safe)
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

    async def quarantine(
        self, partition: int, epoch: str, visitor: VisitorId, seen: bytes | None, *, window: bool = False,
        nonce: str | None = None,
    ) -> Quarantined | None:  # fmt: skip
        store = self._behind.store
        kept: Quarantined | None = await self._wait(
            lambda: store.quarantine(partition, epoch, visitor, seen, window=window, nonce=nonce)
        )
        return kept

    async def write(self, write: SliceWrite) -> None:
        await self._wait(lambda: self._behind.store.write(write))

    async def report(self, reports: Sequence[ProgressReport]) -> None:
        await self._wait(lambda: self._behind.store.report(reports))

    async def write_all(self, writes: Sequence[SliceWrite]) -> list[WriteOutcome]:
        """One after the other, as over one connection: once it is lost, so is all behind."""
        outcomes: list[WriteOutcome] = []
        for at, write in enumerate(writes):
            try:
                await self.write(write)
            except (Fenced, Regressed, Busy) as exc:
                outcomes.append(exc)
            except StoreUnavailable as exc:
                self._behind.strand(self._worker, writes[at + 1 :])
                return outcomes + [exc] * (len(writes) - at)
            else:
                outcomes.append(None)
        return outcomes

    def check(self, letters: Sequence[Any], *, of: int) -> None:
        """The dead letters' side of the worker: any number is borne."""

    async def bury(self, letters: Sequence[Any]) -> None:
        """Kafka may take its time, too."""
        await self._wait(lambda: self._enter(letters), safe=True)

    async def _enter(self, letters: Sequence[Any]) -> None:
        self._behind.buried.update((letter.partition, letter.offset) for letter in letters)


async def retry_at_once(stage: str, call: Callable[[], Awaitable[Any]]) -> Any:
    """Tries again without a pause: the tape decides how long a store stays away."""
    while True:
        try:
            return await call()
        except StoreUnavailable:
            await asyncio.sleep(0)


class Log:
    """The log as one worker reads it: where it stands in each partition, and in which turn."""

    def __init__(self, ends: Sequence[int]) -> None:
        self._ends = ends
        self.next: dict[int, int] = {}
        self.turns: dict[int, int] = {}
        self.assigned: frozenset[int] = frozenset()
        self.readable: set[int] = set()
        self.is_member = asyncio.Event()

    async def seek(self, partition: int, offset: int) -> int:
        if partition not in self.assigned:
            raise NotAssigned(f"partition {partition}")
        self.next[partition] = offset
        self.turns[partition] = self.turns.get(partition, 0) + 1
        return self.turns[partition]

    def pause(self, partition: int) -> None:
        self.readable.discard(partition)

    def resume(self, partition: int) -> None:
        self.readable.add(partition)

    async def bounds(self, partition: int) -> tuple[int, int]:
        return 0, self._ends[partition]

    async def member_since(self, moment: float) -> None:
        await self.is_member.wait()


def alternating_policy(requests: Sequence[LiveLayoutRequest], at: float) -> list[LiveLayoutUpdate]:
    """A policy whose content changes with every second event."""
    made = []
    for one in requests:
        fills = unpack(one.state).events // 2
        body = b"%d" % fills if one.whole or fills != one.previous else None
        made.append(LiveLayoutUpdate(head=one.version.text().encode(), body=body, fills=fills))
    return made
