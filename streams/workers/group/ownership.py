"""Which partitions are ours, under which epoch (fencing token), and which offset comes next in each.

A partition is acquired in one way only, whatever led to it (assignment, a fence, a store that went back, a
gap): claim it, seek to the store's `done` (none: the log's start), read on. Every acquisition begins a new
holding, so (epoch, done, part) is never reused and states cached under an old holding are void.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Literal, Protocol

from schemas.errors import EtalageError, Fenced, Regressed
from streams.kafka.transport.errors import MADE_ANEW, NotAssigned
from streams.runtime.process_context import ProcessContext
from streams.runtime.retries import Retry
from streams.runtime.telemetry.logs import logger
from streams.stores.protocols import Claim, fresh_nonce

log = logger("ownership")

ClaimReason = Literal["assigned", "fenced", "regressed", "gap"]
TOLD_AFTER_S = 1.5
"""How long a partition whose store forgot waits before it is rebuilt: every gateway has then seen where the
store stands (each asks twice a second), and labels what is rebuilt until it is as far as it was."""
LOG_END_WITHIN_S = 30.0
"""How long a restarted broker may take to know its log's end."""


class LogTruncated(EtalageError):
    """The log ends before what was already applied: acknowledged records are gone, or it is another log."""


class SeekableLog(Protocol):
    """What ownership needs of the transport, for partitions of one topic."""

    async def seek(self, partition: int, offset: int) -> int:
        """Read on from `offset`.

        Returns:
            The turn that begins: chunks of earlier turns are stale.

        Raises:
            NotAssigned: a rebalance took the partition.
        """
        ...

    def pause(self, partition: int) -> None:
        """Fetch nothing of the partition until `resume`."""
        ...

    def resume(self, partition: int) -> None:
        """Fetch the partition again."""
        ...

    async def bounds(self, partition: int) -> tuple[int, int]:
        """First offset of the log, and the next one to be written; raises StreamUnavailable, NotAssigned."""
        ...

    async def member_since(self, moment: float) -> None:
        """Return once the coordinator answered a heartbeat sent after `moment` (monotonic s)."""
        ...


class Claims(Protocol):
    """The part of a store that ownership asks: who writes a partition, and which offset it stands at."""

    async def claim(
        self, partition: int, owner: str, kafka_generation: int, *, nonce: str | None = None
    ) -> Claim:
        """Fence off all earlier owners; raises Fenced when a newer generation has claimed it."""
        ...


class Holding:
    """One acquisition of a partition: our claim on it, and how far we are.

    Attributes:
        epoch: The fencing token of the claim.
        done, part: The store's checkpoint: next offset to apply, slices already written of the chunk there.
        turn: The transport's turn; chunks of another one are stale.
        next: Offset behind the last chunk that was applied.
        taken: Offset behind the last chunk that was taken up: what lies between is under way.
        lost: Whether it is over: what is under way can only be refused.
        arrived: Broker append time of the last applied record, epoch seconds; -inf before the first.
        reason: Why the partition was acquired.
        proven: Whether a write succeeded. Two claims in a row that are fenced before any write succeeded mean
            that another process uses our generation of the group.
    """

    __slots__ = (
        "arrived", "done", "epoch", "lost", "next", "part", "partition", "proven", "reason", "taken", "turn",
    )  # fmt: skip

    def __init__(self, partition: int, claim: Claim, *, turn: int, at: int, reason: ClaimReason) -> None:
        self.partition = partition
        self.epoch = claim.epoch
        self.done = claim.done
        self.part = 0
        self.turn = turn
        self.next = self.taken = at
        self.lost = False
        self.arrived = float("-inf")
        self.reason: ClaimReason = reason
        self.proven = False


class Ownership:
    """Acquires what the group assigns, and acquires it again when a holding is lost.

    Args:
        store: where partitions are claimed.
        log: the transport's view of the topic.
        owner: our name in claims, for operators.
        retries: for calls of store and log.
        told_after_s: how long a partition whose store forgot waits before it is rebuilt.
        context: `halt` ends the process on such a repeated fence, on LogTruncated and defects.
    """

    def __init__(
        self,
        store: Claims,
        log: SeekableLog,
        *,
        owner: str,
        retries: Retry,
        context: ProcessContext,
        told_after_s: float = TOLD_AFTER_S,
    ) -> None:
        self._store, self._log, self._owner, self._retries = store, log, owner, retries
        self._told_after_s = told_after_s
        self._halt, self._metrics, self._clock = context.halt, context.metrics, context.clock
        self._holdings: dict[int, Holding] = {}
        self._acquiring: dict[int, asyncio.Task[None]] = {}
        self.generation = -1
        self._assigned: frozenset[int] = frozenset()
        self._metrics.set("assigned_partitions", 0)

    @property
    def assigned_partitions(self) -> frozenset[int]:
        """What the group assigned to us, acquired already or not."""
        return self._assigned

    @property
    def holds_all(self) -> bool:
        """Whether every assigned partition is held."""
        return self._assigned == self._holdings.keys()

    def holding(self, partition: int) -> Holding | None:
        """The current holding; None while it is being acquired, or when it is not ours."""
        return self._holdings.get(partition)

    def holdings(self) -> list[Holding]:
        """All current holdings."""
        return list(self._holdings.values())

    def assign(self, partitions: Iterable[int], generation: int) -> None:
        """The group assigned these and no others: begin to acquire each, in tasks of their own."""
        self.revoke()
        self.generation = generation
        self._assigned = frozenset(partitions)
        self._metrics.count("rebalances_total")
        self._metrics.set("assigned_partitions", len(self._assigned))
        for partition in self._assigned:
            self._begin(partition, "assigned")

    def revoke(self) -> None:
        """No partition is ours any more: drop every holding and every acquisition under way."""
        for task in self._acquiring.values():
            task.cancel()
        self._acquiring.clear()
        for holding in self._holdings.values():
            holding.lost = True
        self._holdings.clear()
        self._assigned = frozenset()

    def reclaim(self, holding: Holding, reason: ClaimReason) -> None:
        """This holding cannot go on: drop it and acquire the partition again.

        Does nothing when it is no longer the current one. Halts when a fence follows a fence before a single
        write succeeded: then another process uses our generation.
        """
        partition = holding.partition
        if self._holdings.get(partition) is not holding:
            return  # a rebalance or another chunk of it said so before
        log.warning(
            "partition lost", partition=partition, reason=reason, epoch=holding.epoch, done=holding.done
        )
        holding.lost = True
        del self._holdings[partition]
        self._log.pause(partition)
        self._count(reason)
        if reason == "fenced" and holding.reason == "fenced" and not holding.proven:
            self._halt(Fenced(f"partition {partition}: fenced again right after it was claimed again"))
        self._begin(partition, reason, holding.done)

    def _count(self, reason: ClaimReason) -> None:
        if reason == "fenced":
            self._metrics.count("fenced_total")
        elif reason == "regressed":
            self._metrics.count("regressed_total")

    def _begin(self, partition: int, reason: ClaimReason, lost_at: int | None = None) -> None:
        """`lost_at` is the checkpoint of the holding that was lost, if any."""
        self._acquiring[partition] = asyncio.create_task(
            self._acquire_or_halt(partition, reason, lost_at), name=f"acquire-{partition}"
        )

    async def _acquire_or_halt(self, partition: int, reason: ClaimReason, lost_at: int | None) -> None:
        try:
            await self._acquire(partition, reason, lost_at)
        except NotAssigned:
            log.info("partition revoked while being acquired", partition=partition)
        except Exception as exc:
            self._halt(exc)

    async def _acquire(self, partition: int, reason: ClaimReason, lost_at: int | None) -> None:
        if reason == "fenced":
            await self._log.member_since(self._clock.monotonic())
        try:
            claim = await self._claim(partition)
        except Fenced:
            # A newer generation claimed it. Either a rebalance is about to tell us so (and cancels this),
            # or, once the coordinator still calls us a member, it is tried once more.
            log.warning("claim refused", partition=partition, generation=self.generation)
            await self._log.member_since(self._clock.monotonic())
            reason, claim = "fenced", await self._claim(partition)
        if lost_at is not None and (claim.done is None or claim.done < lost_at):  # not after a mere repair
            await asyncio.sleep(self._told_after_s)
        at = await self._next_offset(partition, claim)
        turn = await self._log.seek(partition, at)
        self._holdings[partition] = Holding(partition, claim, turn=turn, at=at, reason=reason)
        self._log.resume(partition)
        log.info("partition acquired", partition=partition, reason=reason, epoch=claim.epoch, offset=at)

    async def _claim(self, partition: int) -> Claim:
        nonce = fresh_nonce()
        return await self._retries(
            "claim", lambda: self._store.claim(partition, self._owner, self.generation, nonce=nonce)
        )

    async def _next_offset(self, partition: int, claim: Claim) -> int:
        """The offset to read on from; raises LogTruncated when the log still ends before it."""
        until = self._clock.monotonic() + LOG_END_WITHIN_S
        while True:
            start, end = await self._retries("bounds", lambda: self._log.bounds(partition))
            if claim.done is None:
                return start
            if claim.done < start:
                self._report_lost(partition, claim.done, start)
            if claim.done <= end:
                return max(claim.done, start)
            if self._clock.monotonic() > until:
                raise LogTruncated(
                    f"partition {partition} ends at {end}, but {claim.done} was applied: "
                    f"records are gone, or {MADE_ANEW}"
                )
            await asyncio.sleep(1.0)

    def _report_lost(self, partition: int, first: int, next_: int) -> None:
        log.error("records are gone unapplied", partition=partition, first=first, next=next_)
        self._metrics.count("records_lost_total", next_ - first)


def loss_reason(exc: Fenced | Regressed) -> ClaimReason:
    """The reason that a refused write gives for `reclaim`."""
    return "fenced" if isinstance(exc, Fenced) else "regressed"
