"""PartitionLanes: order within a partition, chunks that end settled or forgotten, and nothing ever raised."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from schemas.errors import Fenced, Regressed
from streams.kafka.transport.chunks import Chunk
from streams.runtime.clock import SystemClock
from streams.runtime.process_context import ProcessContext
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.protocols import Claim
from streams.workers.group.ownership import ClaimReason, Holding
from streams.workers.group.partition_lanes import FETCH_BELOW_CHUNKS, PartitionLanes
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


class Engine:
    """Applies when let; raises what it is told to."""

    def __init__(self) -> None:
        self.applied: list[tuple[int, list[int], int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.fails: BaseException | None = None
        self.publishing: asyncio.Future[None] | None = None
        self.verified: list[int] = []

    async def apply(self, holding: Holding, records: list[Any], end: int) -> Awaitable[None] | None:
        await self.open.wait()
        if self.fails:
            raise self.fails
        self.applied.append((holding.partition, [r.offset for r in records], end))
        return self.publishing

    async def verify(self, holding: Holding) -> None:
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
        self.lost_because.append(reason)
        self.by_partition.pop(holding.partition, None)


class Bed:
    def __init__(self) -> None:
        self.engine, self.halted = Engine(), asyncio.Event()
        self.owners = Owners(0, 1)
        context = ProcessContext(clock=SystemClock(), metrics=Metrics(), halt=self.halt)
        self.lanes = PartitionLanes(self.engine, self.owners, context)

    def halt(self, exc: BaseException) -> NoReturn:
        self.halted.set()
        raise Halted

    async def done(self) -> None:
        await eventually(lambda: not self.lanes._running)


@pytest.fixture
async def bed() -> Bed:
    return Bed()


async def test_chunks_that_wait_are_settled_as_one(bed: Bed) -> None:
    bed.engine.open.clear()
    deliveries = [Delivered(0, 3), Delivered(3, 5), Delivered(5, 9)]
    await bed.lanes.put(deliveries[0])
    await asyncio.sleep(0)
    for delivery in deliveries[1:]:
        await bed.lanes.put(delivery)
    bed.engine.open.set()
    await bed.done()
    assert bed.engine.applied == [(0, [0, 1, 2], 3), (0, [3, 4, 5, 6, 7, 8], 9)]
    assert [d.outcome for d in deliveries] == ["acked"] * 3


async def test_a_slow_partition_does_not_hold_up_another(bed: Bed) -> None:
    bed.engine.open.clear()
    slow = Delivered(0, 1)
    await bed.lanes.put(slow)
    await asyncio.sleep(0)
    assert len(bed.lanes._running) == 1
    await bed.lanes.put(Delivered(0, 2, partition=1))
    assert len(bed.lanes._running) == 2
    bed.engine.open.set()
    await bed.done()


async def test_more_is_welcome_once_all_lanes_are_done(bed: Bed) -> None:
    assert await bed.lanes.wait_for_capacity(0)
    bed.engine.open.clear()
    await bed.lanes.put(Delivered(0, 5))
    asking = asyncio.create_task(bed.lanes.wait_for_capacity(5))
    await asyncio.sleep(0)
    assert not asking.done()
    bed.engine.open.set()
    assert await asking
    assert bed.engine.applied


async def test_a_lane_held_up_does_not_keep_the_others_from_more(bed: Bed) -> None:
    bed.engine.open.clear()
    await bed.lanes.put(Delivered(0, 5))
    async with asyncio.timeout(5):
        assert await bed.lanes.wait_for_capacity(60)
    assert not bed.engine.applied


async def test_nothing_is_welcome_while_much_is_not_acknowledged(bed: Bed) -> None:
    bed.engine.publishing = asyncio.get_running_loop().create_future()
    for number in range(FETCH_BELOW_CHUNKS):
        await bed.lanes.put(Delivered(number, number + 1))
    await eventually(lambda: len(bed.engine.applied) > 0)
    assert not await bed.lanes.wait_for_capacity(0.01)
    bed.engine.publishing.set_result(None)
    assert await bed.lanes.wait_for_capacity(5)


async def test_a_chunk_of_an_earlier_turn_is_forgotten(bed: Bed) -> None:
    stale = Delivered(0, 3, turn=0)
    await bed.lanes.put(stale)
    await bed.done()
    assert stale.outcome == "forgotten"
    assert bed.engine.applied == []
    assert bed.owners.lost_because == []


async def test_a_missing_chunk_is_noticed(bed: Bed) -> None:
    after = Delivered(3, 5)
    await bed.lanes.put(after)
    await bed.done()
    assert after.outcome == "forgotten"
    assert bed.owners.lost_because == ["gap"]


@pytest.mark.parametrize(("refused", "why"), [(Fenced("x"), "fenced"), (Regressed("x", done=2), "regressed")])
async def test_a_refused_write_is_not_acknowledged(bed: Bed, refused: Exception, why: str) -> None:
    bed.engine.fails = refused
    first, second = Delivered(0, 3), Delivered(3, 4)
    await bed.lanes.put(first)
    await bed.done()
    await bed.lanes.put(second)
    await bed.done()
    assert (first.outcome, second.outcome) == ("forgotten", "forgotten")
    assert bed.owners.lost_because == [why]


async def test_anything_else_halts_without_acknowledging(bed: Bed) -> None:
    bed.engine.fails = ZeroDivisionError()
    delivery = Delivered(0, 3)
    await bed.lanes.put(delivery)
    task = bed.lanes._running[0]
    with pytest.raises(Halted):
        await task
    assert bed.halted.is_set()
    assert delivery.outcome == ""


async def test_what_was_published_is_safe_before_the_acknowledgement(bed: Bed) -> None:
    bed.engine.publishing = asyncio.get_running_loop().create_future()
    delivery = Delivered(0, 3)
    await bed.lanes.put(delivery)
    await bed.done()  # the lane itself goes on
    assert delivery.outcome == ""
    bed.engine.publishing.set_result(None)
    await asyncio.gather(*bed.lanes._publishing)
    assert delivery.outcome == "acked"


async def test_idle_partitions_are_verified(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.workers.group.partition_lanes.IDLE_CHECK_S", 0.01)
    checking = asyncio.create_task(bed.lanes.verify_idle_partitions())
    await eventually(lambda: len(bed.engine.verified) >= 2)
    bed.engine.fails = Regressed("flushed", done=None)
    await eventually(lambda: not bed.owners.holdings())
    checking.cancel()
    assert sorted(set(bed.engine.verified)) == [0, 1]
    assert set(bed.owners.lost_because) == {"regressed"}
