"""What the tests of rounds stand on: deliveries, a processor, and ownership that remember what was done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import NoReturn

from schemas.errors import Fenced, Regressed
from streams.kafka.transport.chunks import Chunk
from streams.runtime.clock import SystemClock
from streams.runtime.process_context import ProcessContext
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.protocols import Claim
from streams.workers.group.ownership import ClaimReason, Holding
from streams.workers.group.round_processor import HeldChunk, Outcome
from streams.workers.group.rounds import Rounds
from tests.unit.streams.eventually import eventually


class Halted(BaseException):
    """Stands for the end of the process."""


class Delivered:
    """A delivery that remembers how it ended."""

    def __init__(self, start: int, end: int, *, turn: int = 1, partition: int = 0) -> None:
        self.chunk = Chunk(
            partition,
            turn,
            start,
            end,
            [SimpleNamespace(offset=o, timestamp=1000 * o) for o in range(start, end)],
        )
        self.outcome = ""

    def ack(self) -> None:
        self.outcome += "acked"

    def forget(self) -> None:
        self.outcome += "forgotten"


class Processor:
    """Prepares and writes when let; refuses and raises what it is told to."""

    def __init__(self) -> None:
        self.prepared: list[list[tuple[int, list[int], int]]] = []
        self.written: list[list[int]] = []
        self.open, self.writable = asyncio.Event(), asyncio.Event()
        self.open.set()
        self.writable.set()
        self.refused: dict[int, Fenced | Regressed] = {}
        self.fails: BaseException | None = None
        self.publishing: asyncio.Future[None] | None = None
        self.verified: list[int] = []

    async def prepare(self, chunks: Sequence[HeldChunk]) -> list[int]:
        await self.open.wait()
        if self.fails:
            raise self.fails
        self.prepared.append([(c.holding.partition, [r.offset for r in c.records], c.end) for c in chunks])
        return [chunk.holding.partition for chunk in chunks]

    async def write(self, prepared: Sequence[int]) -> list[Outcome]:
        await self.writable.wait()
        self.written.append(list(prepared))
        return [Outcome(self.refused.get(partition), self.publishing) for partition in prepared]

    async def verify(self, holding: Holding) -> None:
        await self.open.wait()
        if self.fails:
            raise self.fails
        self.verified.append(holding.partition)


class Owners:
    """Holdings by partition; remembers which were lost."""

    def __init__(self, *partitions: int) -> None:
        self.by_partition = {
            p: Holding(p, Claim("1:x", None), turn=1, at=0, reason="assigned") for p in partitions
        }
        self.lost_because: list[str] = []

    def holding(self, partition: int) -> Holding | None:
        return self.by_partition.get(partition)

    def holdings(self) -> list[Holding]:
        return list(self.by_partition.values())

    def reclaim(self, holding: Holding, reason: ClaimReason) -> None:
        if self.by_partition.get(holding.partition) is holding:
            self.lost_because.append(reason)
            holding.lost = True
            del self.by_partition[holding.partition]


class Bed:
    def __init__(self) -> None:
        self.processor, self.halted = Processor(), asyncio.Event()
        self.owners = Owners(0, 1)
        context = ProcessContext(clock=SystemClock(), metrics=Metrics(), halt=self.halt)
        self.rounds = Rounds(self.processor, self.owners, context)

    def halt(self, exc: BaseException) -> NoReturn:
        self.halted.set()
        raise Halted

    async def put(self, *deliveries: Delivered) -> list[Delivered]:
        for delivery in deliveries:
            await self.rounds.put(delivery)
        await asyncio.sleep(0)
        return list(deliveries)

    async def done(self) -> None:
        def is_idle() -> bool:
            writing = self.rounds._writing
            return self.rounds._preparing is None and (writing is None or writing.done())

        await eventually(is_idle)
