"""One worker process of `interleavings`: the real ownership, rounds and engine between doors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from models.visitor.fold import fold_packed
from streams.kafka.transport.chunks import Chunk
from streams.runtime.clock import Clock
from streams.runtime.process_context import ProcessContext
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.memory import MemoryStore
from streams.workers.group.ownership import Ownership
from streams.workers.group.rounds import Rounds
from streams.workers.personalize.decider import Decider
from streams.workers.personalize.decoding import EventsTopic
from streams.workers.personalize.engine import Engine, EngineConfig, EngineDependencies, Fold
from tests.properties.doors import Door, Log, Raw, alternating_policy, retry_at_once

PARTITIONS = 2
EVENTS_TOPIC = EventsTopic("t.events.v1", PARTITIONS, 7)


@dataclass
class Overrides:
    """The parts that a mutant replaces."""

    store: type[MemoryStore] = MemoryStore
    engine: type[Engine] = Engine
    fold: Fold = fold_packed


class Ended(asyncio.CancelledError):
    """Stands for the end of the process, where it happens."""


class Delivered:
    """A chunk of one round that remembers how it ended."""

    def __init__(self, chunk: Chunk, on_ack: Callable[[Chunk], None]) -> None:
        self.chunk, self._on_ack = chunk, on_ack
        self.outcome = ""

    def ack(self) -> None:
        self.outcome += "acked"
        self._on_ack(self.chunk)

    def forget(self) -> None:
        self.outcome += "forgotten"


class Worker:
    """A process in the group; `on_ack` hears of every chunk that it acknowledges."""

    def __init__(
        self, number: int, door: Door, logs: Sequence[Sequence[Raw]], clock: Clock, overrides: Overrides
    ) -> None:
        self.number, self._logs = number, logs
        self.log = Log([len(log) for log in logs])
        self.delivered: list[Delivered] = []
        self.acked: list[Chunk] = []
        self.halted: BaseException | None = None
        self.promised: tuple[frozenset[int], int] | None = None
        """What a rebalance gave it that it was not told yet."""
        metrics = Metrics()
        context = ProcessContext(clock=clock, metrics=metrics, halt=self._halt)
        engine = overrides.engine(_config(), _dependencies(door, clock, metrics, overrides.fold))
        self.ownership = Ownership(
            door, self.log, owner=f"w{number}", retries=retry_at_once, context=context, told_after_s=0
        )
        self.rounds = Rounds(engine, self.ownership, context)

    def _halt(self, exc: BaseException) -> NoReturn:
        self.halted = exc
        raise Ended

    def leave(self) -> None:
        """A rebalance takes all partitions away."""
        self.ownership.revoke()
        self.log.assigned = frozenset()
        self.log.readable.clear()
        self.log.is_member.clear()

    def enter(self) -> None:
        """The rebalance is over, and says what is ours."""
        if self.promised is not None:
            (partitions, generation), self.promised = self.promised, None
            self.log.assigned = partitions
            self.log.is_member.set()
            self.ownership.assign(sorted(partitions), generation)

    async def deliver(self, sizes: Callable[[], int]) -> bool:
        """One round: of every partition that may be read the next chunk of `sizes()` records; 0: none."""
        chunks = [self._next_chunk(p, sizes()) for p in sorted(self.log.readable & self.log.assigned)]
        wanted = [Delivered(chunk, self.acked.append) for chunk in chunks if chunk is not None]
        self.delivered += wanted
        for delivery in wanted:
            await self.rounds.put(delivery)
        return bool(wanted)

    def _next_chunk(self, partition: int, size: int) -> Chunk | None:
        start = self.log.next[partition]
        records = list(self._logs[partition][start : start + size])
        if not records:
            return None
        end = self.log.next[partition] = records[-1].offset + 1
        return Chunk(partition, self.log.turns[partition], start, end, records)

    def lose_chunk(self, partition: int) -> None:
        """Somewhere on the way a chunk is dropped: a gap."""
        if partition in self.log.readable:
            self._next_chunk(partition, 1)


def _config() -> EngineConfig:
    return EngineConfig(
        events_topic=EVENTS_TOPIC, decisions_topic="-", decide_within_s=30.0, lru_visitors=2, slice_visitors=2
    )


def _dependencies(door: Door, clock: Clock, metrics: Metrics, fold: Fold) -> EngineDependencies:
    unused: Any = None
    letters: Any = door
    return EngineDependencies(
        store=door, retries=retry_at_once, dead_letters=letters, publisher=unused, clock=clock,
        metrics=metrics, fold=fold, decider=Decider(alternating_policy, clock=clock, metrics=metrics),
    )  # fmt: skip
