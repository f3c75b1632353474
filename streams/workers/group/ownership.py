"""Which partitions are ours, under which epoch, and where we stand in each.

A partition is taken in one way only, whatever led to it (assignment, a fence, a store that went back, a gap):
claim it, seek to the store's `done` (none: the log's start), read on. Every take begins a new holding, so
(epoch, done, part) is never reused and states remembered under an old holding are void.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Literal, Protocol

from schemas.errors import EtalageError, Fenced, Regressed
from streams.kafka.transport.errors import MADE_ANEW, NotAssigned
from streams.runtime.retries import Retry
from streams.runtime.telemetry.logs import logger
from streams.runtime.vitals import ProcessContext
from streams.stores.protocols import Claim, fresh_nonce

log = logger("ownership")

Why = Literal["assigned", "fenced", "regressed", "gap"]
LOG_END_WITHIN_S = 30.0
"""How long a restarted broker may take to know its log's end."""


class LogTruncated(EtalageError):
    """The log ends before what was already applied: acknowledged records are gone, or it is another log."""


class Log(Protocol):
    """What ownership needs of the transport, for partitions of the events topic."""

    async def seek(self, partition: int, offset: int) -> int:
        """Read on from `offset`; the turn that begins. NotAssigned: a rebalance took it."""
        ...

    def pause(self, partition: int) -> None: ...

    def resume(self, partition: int) -> None: ...

    async def bounds(self, partition: int) -> tuple[int, int]:
        """First offset that is there, and the next one to be written."""
        ...

    async def member_since(self, moment: float) -> None:
        """Return once the coordinator answered a heartbeat sent after `moment` (monotonic s)."""
        ...


class Claims(Protocol):
    """The part of a store that ownership asks: who writes a partition, and where it stands."""

    async def claim(
        self, partition: int, owner: str, kafka_generation: int, *, nonce: str | None = None
    ) -> Claim: ...


class Holding:
    """One taking of a partition: our epoch, the turn of the transport, and where we stand.

    `proven` after the first write: fenced again after that is a new story. `arrived` is when the last record
    that was settled had arrived (epoch seconds).
    """

    __slots__ = ("arrived", "done", "epoch", "next", "part", "partition", "proven", "turn", "why")

    def __init__(self, partition: int, claim: Claim, *, turn: int, at: int, why: Why) -> None:
        self.partition = partition
        self.epoch = claim.epoch
        self.done = claim.done
        self.part = 0
        self.turn = turn
        self.next = at
        self.arrived = float("-inf")
        self.why: Why = why
        self.proven = False


class Ownership:
    """Takes what the group assigns, and takes it again when a holding is lost."""

    def __init__(
        self,
        store: Claims,
        log: Log,
        *,
        owner: str,
        retries: Retry,
        vitals: ProcessContext,
    ) -> None:
        self._store, self._log, self._owner, self._retries = store, log, owner, retries
        self._halt, self._metrics, self._clock = vitals.halt, vitals.metrics, vitals.clock
        self._holdings: dict[int, Holding] = {}
        self._takes: dict[int, asyncio.Task[None]] = {}
        self.generation = -1
        self._assigned: frozenset[int] = frozenset()
        self._metrics.set("assigned_partitions", 0)

    @property
    def assigned_partitions(self) -> frozenset[int]:
        """What the group gave us, taken already or not."""
        return self._assigned

    @property
    def taken(self) -> bool:
        """Whether every assigned partition is held."""
        return self._assigned == self._holdings.keys()

    def holding(self, partition: int) -> Holding | None:
        """How we hold the partition now."""
        return self._holdings.get(partition)

    def holdings(self) -> list[Holding]:
        """All of them."""
        return list(self._holdings.values())

    def assigned(self, partitions: Iterable[int], generation: int) -> None:
        self.revoked()
        self.generation = generation
        self._assigned = frozenset(partitions)
        self._metrics.count("rebalances_total")
        self._metrics.set("assigned_partitions", len(self._assigned))
        for partition in self._assigned:
            self._begin(partition, "assigned")

    def revoked(self) -> None:
        for task in self._takes.values():
            task.cancel()
        self._takes.clear()
        self._holdings.clear()
        self._assigned = frozenset()

    def lost(self, holding: Holding, why: Why) -> None:
        """This holding cannot go on: drop what came of it, and take the partition again."""
        partition = holding.partition
        if self._holdings.get(partition) is not holding:
            return  # a rebalance or another chunk of it said so before
        log.warning("partition lost", partition=partition, why=why, epoch=holding.epoch, done=holding.done)
        del self._holdings[partition]
        self._log.pause(partition)
        self._count(why)
        if why == "fenced" and holding.why == "fenced" and not holding.proven:
            self._halt(Fenced(f"partition {partition}: fenced again right after it was claimed again"))
        self._begin(partition, why)

    def _count(self, why: Why) -> None:
        if why == "fenced":
            self._metrics.count("fenced_total")
        elif why == "regressed":
            self._metrics.count("regressed_total")

    def _begin(self, partition: int, why: Why) -> None:
        name = f"take-{partition}"
        self._takes[partition] = asyncio.create_task(self._take_or_halt(partition, why), name=name)

    async def _take_or_halt(self, partition: int, why: Why) -> None:
        try:
            await self._take(partition, why)
        except NotAssigned:
            log.info("partition went while it was being taken", partition=partition)
        except Exception as exc:
            self._halt(exc)

    async def _take(self, partition: int, why: Why) -> None:
        if why == "fenced":
            await self._log.member_since(self._clock.monotonic())
        try:
            claim = await self._claim(partition)
        except Fenced:
            # A newer generation claimed it. Either a rebalance is about to tell us so (and cancels this),
            # or, once the coordinator still calls us a member, it is tried once more.
            log.warning("claim refused", partition=partition, generation=self.generation)
            await self._log.member_since(self._clock.monotonic())
            why, claim = "fenced", await self._claim(partition)
        at = await self._where(partition, claim)
        turn = await self._log.seek(partition, at)
        self._holdings[partition] = Holding(partition, claim, turn=turn, at=at, why=why)
        self._log.resume(partition)
        log.info("partition taken", partition=partition, why=why, epoch=claim.epoch, at=at)

    async def _claim(self, partition: int) -> Claim:
        nonce = fresh_nonce()
        return await self._retries(
            "claim", lambda: self._store.claim(partition, self._owner, self.generation, nonce=nonce)
        )

    async def _where(self, partition: int, claim: Claim) -> int:
        """Where to read on from."""
        until = self._clock.monotonic() + LOG_END_WITHIN_S
        while True:
            start, end = await self._retries("bounds", lambda: self._log.bounds(partition))
            if claim.done is None:
                return start
            if claim.done < start:
                log.error("records are gone unapplied", partition=partition, first=claim.done, next=start)
                self._metrics.count("records_lost_total", start - claim.done)
            if claim.done <= end:
                return max(claim.done, start)
            if self._clock.monotonic() > until:
                raise LogTruncated(
                    f"partition {partition} ends at {end}, but {claim.done} was applied: "
                    f"records are gone, or {MADE_ANEW}"
                )
            await asyncio.sleep(1.0)


def why_lost(exc: Fenced | Regressed) -> Why:
    """The reason that a refused write gives."""
    return "fenced" if isinstance(exc, Fenced) else "regressed"
