"""Acquiring partitions: claim, seek, read on; and what follows a fence, a store that went back, a gap."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

from schemas.errors import Fenced
from streams.kafka.transport.errors import NotAssigned
from streams.runtime.clock import SystemClock
from streams.runtime.process_context import ProcessContext
from streams.runtime.retries import Retries
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.memory import MemoryStore
from streams.stores.protocols import SliceWrite
from streams.workers.group.ownership import Holding, LogTruncated, Ownership
from streams.workers.group.watchdog import Stalled, Watchdog
from tests.unit.streams.eventually import eventually

P = 2


class Halted(BaseException):
    """Stands for the end of the process."""


class FakeLog:
    """A log from offset 5 to 100; remembers what was asked of it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.turns = 0
        self.gone = False
        self.start, self.end = 5, 100
        self.member = asyncio.Event()
        self.member.set()

    async def seek(self, partition: int, offset: int) -> int:
        if self.gone:
            raise NotAssigned("rebalanced")
        self.calls.append(f"seek {offset}")
        self.turns += 1
        return self.turns

    def pause(self, partition: int) -> None:
        self.calls.append("pause")

    def resume(self, partition: int) -> None:
        self.calls.append("resume")

    async def bounds(self, partition: int) -> tuple[int, int]:
        return self.start, self.end

    async def member_since(self, moment: float) -> None:
        self.calls.append("member?")
        await self.member.wait()


class Bed:
    """An ownership over a memory store and a fake log."""

    def __init__(self) -> None:
        self.store, self.log = MemoryStore(incarnation=1), FakeLog()
        self.halted: list[BaseException] = []
        clock, self.metrics = SystemClock(), Metrics()
        self.ownership = Ownership(
            self.store,
            self.log,
            owner="me",
            retries=Retries("Redis", deadline_s=1, patience_s=1, clock=clock, metrics=self.metrics),
            context=ProcessContext(clock=clock, metrics=self.metrics, halt=self.halt),
            told_after_s=0.05,
        )

    def halt(self, exc: BaseException) -> NoReturn:
        self.halted.append(exc)
        raise Halted

    async def await_holding(self, but: Holding | None = None) -> Holding:
        """The holding of P, another one than `but`."""

        def now() -> Holding | None:
            holding = self.ownership.holding(P)
            return None if holding is but else holding

        return await eventually(now)

    async def write(self, holding: Holding, done: int) -> None:
        await self.store.write(
            SliceWrite(
                partition=P,
                epoch=holding.epoch,
                expect_done=holding.done,
                expect_part=holding.part,
                done=done,
                part=0,
            )
        )
        holding.done, holding.proven = done, True


@pytest.fixture
def bed() -> Iterator[Bed]:
    made = Bed()
    yield made
    made.ownership.revoke()


async def test_a_partition_never_done_begins_at_the_logs_start(bed: Bed) -> None:
    bed.ownership.assign([P], 1)
    assert not bed.ownership.holds_all
    holding = await bed.await_holding()
    assert (holding.next, holding.done, holding.part) == (5, None, 0)
    assert bed.log.calls == ["seek 5", "resume"]
    assert bed.ownership.holds_all


async def test_what_was_done_is_where_the_next_owner_goes_on(bed: Bed) -> None:
    bed.ownership.assign([P], 1)
    first = await bed.await_holding()
    await bed.write(first, 42)
    bed.ownership.assign([P], 2)
    second = await bed.await_holding(first)
    assert (second.next, second.done) == (42, 42)
    assert second.epoch != first.epoch


async def test_a_store_that_went_back_is_followed_back(bed: Bed) -> None:
    bed.ownership.assign([P], 1)
    holding = await bed.await_holding()
    await bed.write(holding, 10)
    before = bed.store.snapshot()
    await bed.write(holding, 30)
    bed.store.restore(before)
    bed.ownership.reclaim(holding, "regressed")
    again = await bed.await_holding(holding)
    assert (again.next, again.done) == (10, 10)
    assert again.epoch != holding.epoch
    assert "member?" not in bed.log.calls


async def test_a_fence_waits_for_the_coordinators_word(bed: Bed) -> None:
    bed.ownership.assign([P], 1)
    holding = await bed.await_holding()
    bed.log.member.clear()
    bed.ownership.reclaim(holding, "fenced")
    await eventually(lambda: bed.log.calls[-2:] == ["pause", "member?"])
    assert bed.ownership.holding(P) is None
    bed.log.member.set()
    again = await bed.await_holding()
    assert again.reason == "fenced"


async def test_fenced_again_before_a_single_write_halts(bed: Bed) -> None:
    bed.ownership.assign([P], 1)
    bed.ownership.reclaim(await bed.await_holding(), "fenced")
    again = await bed.await_holding()
    with pytest.raises(Halted):
        bed.ownership.reclaim(again, "fenced")
    assert isinstance(bed.halted[0], Fenced)


async def test_fenced_again_after_good_work_is_a_new_story(bed: Bed) -> None:
    bed.ownership.assign([P], 1)
    bed.ownership.reclaim(await bed.await_holding(), "fenced")
    again = await bed.await_holding()
    await bed.write(again, 10)
    bed.ownership.reclaim(again, "fenced")
    assert (await bed.await_holding(again)).done == 10


async def test_a_member_of_an_older_generation_gives_up(bed: Bed) -> None:
    await bed.store.claim(P, "successor", 7)
    bed.ownership.assign([P], 6)
    await eventually(lambda: bed.halted)
    assert isinstance(bed.halted[0], Fenced)
    with pytest.raises(Halted):
        await bed.ownership._acquiring[P]


async def test_a_rebalance_ends_an_acquisition_that_waits(bed: Bed) -> None:
    await bed.store.claim(P, "successor", 7)
    bed.log.member.clear()
    bed.ownership.assign([P], 6)
    acquiring = bed.ownership._acquiring[P]
    await eventually(lambda: "member?" in bed.log.calls)
    bed.ownership.revoke()
    bed.log.member.set()
    await asyncio.wait([acquiring])
    assert acquiring.cancelled()
    assert not bed.halted
    assert not bed.ownership.holdings()


async def test_a_partition_that_went_meanwhile_is_left_alone(bed: Bed) -> None:
    bed.log.gone = True
    bed.ownership.assign([P], 1)
    await bed.ownership._acquiring[P]
    assert not bed.halted
    assert bed.ownership.holding(P) is None


async def test_what_the_log_lost_unapplied_is_counted(bed: Bed) -> None:
    bed.ownership.assign([P], 1)
    await bed.write(await bed.await_holding(), 60)
    bed.log.start = 75
    bed.ownership.assign([P], 2)
    assert (await bed.await_holding()).next == 75
    assert b"etalage_records_lost_total 15.0" in bed.metrics.render()


async def test_a_log_that_ends_before_what_was_applied_halts(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.workers.group.ownership.LOG_END_WITHIN_S", -1.0)
    bed.ownership.assign([P], 1)
    holding = await bed.await_holding()
    await bed.write(holding, 60)
    bed.log.end = 50
    bed.ownership.assign([P], 2)
    with pytest.raises(Halted):
        await bed.ownership._acquiring[P]
    assert isinstance(bed.halted[0], LogTruncated)
    assert "etalage topics create --adopt" in str(bed.halted[0])


async def test_only_the_current_holding_can_be_lost(bed: Bed) -> None:
    bed.ownership.assign([P], 1)
    old = await bed.await_holding()
    bed.ownership.assign([P], 2)
    now = await bed.await_holding(old)
    bed.ownership.reclaim(old, "regressed")
    assert bed.ownership.holding(P) is now


class Ends:
    async def ends(self) -> dict[int, int]:
        return {P: 100}


class Ticking(SystemClock):
    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at


async def test_the_watchdog_ends_what_stands_still_while_there_is_lag(bed: Bed) -> None:
    clock, retrying = Ticking(), [False]
    bed.ownership.assign([P], 1)
    holding: Any = await bed.await_holding()
    context = ProcessContext(clock=clock, metrics=Metrics(), halt=bed.halt)
    dog = Watchdog(bed.ownership, Ends(), stall_s=30, is_retrying=lambda: retrying[0], context=context)
    dog.look({P: 100})
    clock.at = 29
    dog.look({P: 100})
    assert dog.lag == {P: 95}
    holding.next = 50
    clock.at = 58
    dog.look({P: 100})  # it moved
    retrying[0] = True
    clock.at = 100
    dog.look({P: 100})  # Redis is waited for
    retrying[0] = False
    clock.at = 131
    with pytest.raises(Stalled, match="stood at 50"):
        dog.look({P: 100})
    holding.next = 100
    dog.look({P: 100})
    clock.at = 10_000
    dog.look({P: 100})  # nothing to do is no stall
