"""Rounds: two under way, order within a partition, chunks settled or forgotten, and nothing ever raised."""

from __future__ import annotations

import asyncio

import pytest

from schemas.errors import Fenced, Regressed
from streams.workers.group.rounds import FETCH_BELOW_CHUNKS
from tests.unit.streams.eventually import eventually
from tests.unit.streams.workers.group.rounds_bed import Bed, Delivered, Halted


@pytest.fixture
async def bed() -> Bed:
    return Bed()


async def test_the_chunks_of_all_partitions_are_one_round(bed: Bed) -> None:
    deliveries = await bed.put(Delivered(0, 3), Delivered(0, 2, partition=1))
    await bed.done()
    assert bed.processor.prepared == [[(0, [0, 1, 2], 3), (1, [0, 1], 2)]]
    assert bed.processor.written == [[0, 1]]
    assert [d.outcome for d in deliveries] == ["acked", "acked"]
    assert [(h.next, h.taken) for h in bed.owners.holdings()] == [(3, 3), (2, 2)]


async def test_chunks_that_wait_are_settled_as_one(bed: Bed) -> None:
    bed.processor.open.clear()
    deliveries = await bed.put(Delivered(0, 3))
    deliveries += await bed.put(Delivered(3, 5), Delivered(5, 9))
    bed.processor.open.set()
    await bed.done()
    assert bed.processor.prepared == [[(0, [0, 1, 2], 3)], [(0, [3, 4, 5, 6, 7, 8], 9)]]
    assert [d.outcome for d in deliveries] == ["acked"] * 3


async def test_a_round_is_prepared_while_the_one_before_is_written(bed: Bed) -> None:
    bed.processor.writable.clear()
    await bed.put(Delivered(0, 3))
    await eventually(lambda: bed.rounds._writing is not None)
    await bed.put(Delivered(3, 5))
    await eventually(lambda: len(bed.processor.prepared) == 2)
    await bed.put(Delivered(5, 6))
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(bed.processor.prepared) == 2, "two rounds are under way, no third one"
    assert bed.processor.written == []
    bed.processor.writable.set()
    await bed.done()
    assert bed.processor.written == [[0], [0], [0]]


async def test_a_round_behind_a_refused_one_is_forgotten_with_it(bed: Bed) -> None:
    """Its own refusal would be a consequence: the partition is acquired again once."""
    bed.processor.writable.clear()
    bed.processor.refused[0] = Regressed("x", done=2)
    first = await bed.put(Delivered(0, 3), Delivered(0, 1, partition=1))
    await eventually(lambda: bed.rounds._writing is not None)
    second = await bed.put(Delivered(3, 4), Delivered(1, 2, partition=1))
    await eventually(lambda: len(bed.processor.prepared) == 2)
    bed.processor.writable.set()
    await bed.done()
    assert bed.processor.written == [[0, 1], [1]]
    assert [d.outcome for d in first + second] == ["forgotten", "acked", "forgotten", "acked"]
    assert bed.owners.lost_because == ["regressed"]


async def test_a_large_round_leaves_the_rest_to_the_next_and_nobody_starves(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.workers.group.rounds.ROUND_RECORDS", 2)
    monkeypatch.setattr("streams.workers.group.rounds.CHUNK_RECORDS", 3)
    await bed.put(Delivered(0, 2), Delivered(2, 4), Delivered(0, 1, partition=1))
    await bed.done()
    assert [[(p, end) for p, _, end in round_] for round_ in bed.processor.prepared] == [
        [(0, 2)], [(1, 1), (0, 4)],
    ]  # fmt: skip


async def test_more_is_welcome_once_all_is_on_its_way_to_the_store(bed: Bed) -> None:
    assert await bed.rounds.wait_for_capacity(0)
    bed.processor.open.clear()
    bed.processor.writable.clear()
    await bed.put(Delivered(0, 5))
    asking = asyncio.create_task(bed.rounds.wait_for_capacity(5))
    await asyncio.sleep(0)
    assert not asking.done()
    bed.processor.open.set()
    assert await asking
    assert bed.processor.prepared
    assert not bed.processor.written
    bed.processor.writable.set()
    await bed.done()


async def test_a_round_held_up_does_not_keep_more_from_coming(bed: Bed) -> None:
    bed.processor.open.clear()
    await bed.put(Delivered(0, 5))
    async with asyncio.timeout(5):
        assert await bed.rounds.wait_for_capacity(60)
    assert not bed.processor.prepared


async def test_nothing_is_welcome_while_much_is_not_acknowledged(bed: Bed) -> None:
    bed.processor.publishing = asyncio.get_running_loop().create_future()
    for number in range(FETCH_BELOW_CHUNKS):
        await bed.rounds.put(Delivered(number, number + 1))
    await eventually(lambda: len(bed.processor.written) > 0)
    assert not await bed.rounds.wait_for_capacity(0.01)
    bed.processor.publishing.set_result(None)
    assert await bed.rounds.wait_for_capacity(5)


async def test_a_chunk_of_an_earlier_turn_is_forgotten(bed: Bed) -> None:
    stale = Delivered(0, 3, turn=0)
    await bed.rounds.put(stale)
    await bed.done()
    assert stale.outcome == "forgotten"
    assert bed.processor.prepared == []
    assert bed.owners.lost_because == []


async def test_a_missing_chunk_is_noticed(bed: Bed) -> None:
    after = Delivered(3, 5)
    await bed.rounds.put(after)
    await bed.done()
    assert after.outcome == "forgotten"
    assert bed.owners.lost_because == ["gap"]


@pytest.mark.parametrize(("refused", "why"), [(Fenced("x"), "fenced"), (Regressed("x", done=2), "regressed")])
async def test_a_refused_write_is_not_acknowledged(bed: Bed, refused: Fenced | Regressed, why: str) -> None:
    bed.processor.refused[0] = refused
    first, second = Delivered(0, 3), Delivered(3, 4)
    await bed.rounds.put(first)
    await bed.done()
    await bed.rounds.put(second)
    await bed.done()
    assert (first.outcome, second.outcome) == ("forgotten", "forgotten")
    assert bed.owners.lost_because == [why]


async def test_anything_else_halts_without_acknowledging(bed: Bed) -> None:
    bed.processor.fails = ZeroDivisionError()
    delivery = Delivered(0, 3)
    await bed.rounds.put(delivery)
    task = bed.rounds._preparing
    assert task is not None
    with pytest.raises(Halted):
        await task
    assert bed.halted.is_set()
    assert delivery.outcome == ""


async def test_what_was_published_is_safe_before_the_acknowledgement(bed: Bed) -> None:
    bed.processor.publishing = asyncio.get_running_loop().create_future()
    delivery = Delivered(0, 3)
    await bed.rounds.put(delivery)
    await bed.done()
    assert delivery.outcome == ""
    bed.processor.publishing.set_result(None)
    await asyncio.gather(*bed.rounds._publishing)
    assert delivery.outcome == "acked"


async def test_idle_partitions_are_verified(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.workers.group.rounds.IDLE_CHECK_S", 0.01)
    checking = asyncio.create_task(bed.rounds.verify_idle_partitions())
    await eventually(lambda: len(bed.processor.verified) >= 2)
    bed.processor.fails = Regressed("flushed", done=None)
    await eventually(lambda: not bed.owners.holdings())
    checking.cancel()
    assert sorted(set(bed.processor.verified)) == [0, 1]
    assert set(bed.owners.lost_because) == {"regressed"}


async def test_what_arrives_while_a_partition_is_verified_waits(bed: Bed) -> None:
    bed.processor.open.clear()
    bed.rounds.verify_idle()
    delivery = Delivered(0, 3)
    await bed.put(delivery)
    assert bed.rounds._preparing is None
    bed.processor.open.set()
    await eventually(lambda: delivery.outcome == "acked")
    assert bed.processor.verified == [0, 1]


async def test_a_partition_with_a_chunk_under_way_is_not_verified(bed: Bed) -> None:
    bed.processor.writable.clear()
    await bed.put(Delivered(0, 3))
    await eventually(lambda: bed.rounds._writing is not None)
    bed.rounds.verify_idle()
    await eventually(lambda: len(bed.processor.verified) > 0)
    assert bed.processor.verified == [1]
    bed.processor.writable.set()
    await bed.done()
