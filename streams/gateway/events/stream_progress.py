"""How far behind the log each partition is, as its worker told the store: what makes an answer stale."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from schemas.errors import EtalageError
from streams.runtime.tasks import cancel_and_wait
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.progress import PartitionProgress
from streams.stores.protocols import Stored

POLL_EVERY_S = 0.5
POLL_WITHIN_S = 1.0
FRESH_AGAIN = 2 / 3
"""Of the promise: so little behind a stale partition is fresh again."""
NEVER = float("-inf")

Read = Callable[[int], Awaitable[list[PartitionProgress]]]
"""Reads the progress of so many partitions; StoreUnavailable when the store does not answer."""


class Checkpoint(Struct, frozen=True, gc=False):
    """A `done`, and of which incarnation of the topic it is an offset."""

    incarnation: int
    done: int


class StreamProgress:
    """What was read last of each partition, growing older by the event loop's clock.

    A partition is stale when its worker is `stale_after_s` seconds behind or has said nothing for so long, or
    when the store went back to an offset before one that was seen here: until it is there again.

    Args:
        read: asks the store.
        stale_after_s: the freshness that answers promise (ETALAGE_STALE_AFTER_S).
        metrics: `stale_partitions`, `stream_behind_seconds`.
    """

    def __init__(self, read: Read, stale_after_s: float, metrics: Metrics) -> None:
        self._read, self._stale_after_s, self._metrics = read, stale_after_s, metrics
        self._fresh_until: list[float] = []
        """Loop time up to which everything is applied, by partition; NEVER when that is not known."""
        self._furthest: dict[int, Checkpoint] = {}
        self._was_stale: frozenset[int] = frozenset()

    def behind_s(self, partition: int) -> float | None:
        """Every event older than this is in the states of the partition; None when that is not known."""
        until = self._fresh_until[partition] if partition < len(self._fresh_until) else NEVER
        return None if until == NEVER else max(0.0, asyncio.get_running_loop().time() - until)

    def is_stale(self, partition: int) -> bool:
        """Whether the partition is further behind than answers promise, or nobody can say that it is not.

        One that was stale is so until it is well within the promise: labels do not flap.
        """
        behind_s = self.behind_s(partition)
        limit_s = self._stale_after_s * (FRESH_AGAIN if partition in self._was_stale else 1)
        return behind_s is None or behind_s > limit_s

    def furthest(self, partition: int) -> Checkpoint | None:
        """The furthest checkpoint of the partition that was seen here; None before the first."""
        return self._furthest.get(partition)

    def note_store(self, partition: int, seen: Checkpoint | None, stored: Stored) -> None:
        """Take in where the partition stood when a visitor was read.

        Before `seen`, the `furthest` of before that read, the store forgot what was there: stale from now on.
        """
        if _is_before(stored.incarnation, stored.done, seen):
            self.note_loss(partition)

    def note_loss(self, partition: int) -> None:
        """The store forgot writes of the partition: it is stale until a poll says otherwise."""
        if partition < len(self._fresh_until):
            self._fresh_until[partition] = NEVER

    def update(self, progress: Sequence[PartitionProgress]) -> None:
        """Take in what the store says of partitions 0, 1, …"""
        now = asyncio.get_running_loop().time()
        self._fresh_until = [self._update_one(partition, one, now) for partition, one in enumerate(progress)]

    def _update_one(self, partition: int, one: PartitionProgress, now: float) -> float:
        """Loop time up to which everything is applied; NEVER when that is not known, or was undone."""
        if one.behind_s is None:
            return NEVER
        if one.incarnation is None or one.done is None:
            # Reported by an owner that found nothing to apply: a log that was emptied has no more.
            self._furthest.pop(partition, None)
        elif _is_before(one.incarnation, one.done, self._furthest.get(partition)):
            return NEVER
        else:
            self._furthest[partition] = Checkpoint(one.incarnation, one.done)
        return now - one.behind_s

    async def poll(self, partitions: int) -> None:
        """Read once. Does nothing when the store does not answer: what was read before grows older."""
        try:
            async with asyncio.timeout(POLL_WITHIN_S):
                self.update(await self._read(partitions))
        except (EtalageError, TimeoutError):
            pass

    async def keep_polling(
        self, partitions: Callable[[], int], on_change: Callable[[int], Awaitable[None]]
    ) -> None:
        """For ever: poll every POLL_EVERY_S, and tell `on_change` each partition that became stale, or fresh.

        It is told one after the other, beside the polling, which does not wait for it.
        """
        changed: dict[int, None] = {}
        telling: asyncio.Task[None] | None = None
        try:
            while True:
                await self.poll(partitions())
                changed |= dict.fromkeys(sorted(self._changes(partitions())))
                if changed and (telling is None or telling.done()):
                    telling = asyncio.create_task(_tell(changed, on_change), name="tell-stale")
                await asyncio.sleep(POLL_EVERY_S)
        finally:
            await cancel_and_wait(telling)

    def _changes(self, partitions: int) -> frozenset[int]:
        stale = frozenset(filter(self.is_stale, range(partitions)))
        changed, self._was_stale = stale ^ self._was_stale, stale
        behind = [self.behind_s(partition) for partition in range(partitions)]
        known = [one for one in behind if one is not None]
        self._metrics.set("stale_partitions", len(stale))
        if len(known) == partitions:
            self._metrics.set("stream_behind_seconds", max(known, default=0.0))
        else:
            self._metrics.forget("stream_behind_seconds")
        return changed

    def reason(self) -> str:
        """Which partitions are stale, in one line for a person; empty when none is."""
        stale = [partition for partition in range(len(self._fresh_until)) if self.is_stale(partition)]
        if not stale:
            return ""
        behind = [self.behind_s(partition) for partition in stale]
        known = [one for one in behind if one is not None]
        how_far = f"up to {max(known):.0f} s behind" if known else "of unknown progress"
        return f"{len(stale)} partitions are {how_far} ({stale[0]} first): answers there are labelled stale"


def _is_before(incarnation: int | None, done: int | None, seen: Checkpoint | None) -> bool:
    """Whether a partition stands before what was seen; a topic that was made anew begins anew."""
    if seen is None or (incarnation is not None and incarnation != seen.incarnation):
        return False
    return done is None or done < seen.done


async def _tell(changed: dict[int, None], on_change: Callable[[int], Awaitable[None]]) -> None:
    """Until none is left, also of those that change meanwhile; one that does so twice is told once."""
    while changed:
        partition = next(iter(changed))
        del changed[partition]
        await on_change(partition)
