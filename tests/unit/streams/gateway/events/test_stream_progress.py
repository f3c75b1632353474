"""A partition is stale when nobody can say that it is not: silence, lag, and a store that went back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from schemas.errors import StoreUnavailable
from streams.gateway.events.stream_progress import POLL_EVERY_S, StreamProgress
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.progress import PartitionProgress
from streams.stores.protocols import Stored
from tests.unit.streams.gateway.virtual_time import virtual_loop

STALE_AFTER_S = 3.0


def at(done: int | None, behind_s: float | None = 0.0, incarnation: int = 7) -> PartitionProgress:
    return PartitionProgress(incarnation=incarnation, done=done, behind_s=behind_s)


class Bed:
    """Progress over what a test says the store holds."""

    def __init__(self) -> None:
        self.stored: Sequence[PartitionProgress] | Exception = [at(10), at(20)]
        self.metrics = Metrics()
        self.progress = StreamProgress(self.read, STALE_AFTER_S, self.metrics)

    async def read(self, partitions: int) -> list[PartitionProgress]:
        if isinstance(self.stored, Exception):
            raise self.stored
        assert partitions == len(self.stored)
        return list(self.stored)

    def stale(self) -> list[bool]:
        return [self.progress.is_stale(partition) for partition in range(2)]


@pytest.fixture
def bed() -> Bed:
    return Bed()


async def test_before_anything_was_read_nobody_knows(bed: Bed) -> None:
    assert bed.stale() == [True, True]
    assert bed.progress.behind_s(0) is None


async def test_what_was_read_grows_older(bed: Bed) -> None:
    bed.stored = [at(10, 1.0), at(20, 0.0)]
    await bed.progress.poll(2)
    assert bed.stale() == [False, False]
    await asyncio.sleep(2.5)
    assert bed.progress.behind_s(0) == pytest.approx(3.5)
    assert bed.stale() == [True, False]
    assert bed.progress.is_stale(2), "a partition that nobody spoke of"


async def test_a_worker_that_is_behind_makes_its_partition_stale(bed: Bed) -> None:
    bed.stored = [at(10, 3600.0), at(20, None)]
    await bed.progress.poll(2)
    assert bed.stale() == [True, True]
    assert bed.progress.behind_s(0) == pytest.approx(3600)
    bed.stored = [at(5000), at(20)]
    await bed.progress.poll(2)
    assert bed.stale() == [False, False]


@pytest.mark.parametrize("forgot", [None, 3])
async def test_a_store_that_went_back_is_stale_until_it_is_where_it_was(bed: Bed, forgot: int | None) -> None:
    await bed.progress.poll(2)
    for done in (forgot, 4, 9):
        bed.stored = [at(done, None if done is None else 0.0), at(20)]
        await bed.progress.poll(2)
        assert bed.stale() == [True, False], done
        assert bed.progress.behind_s(0) is None
    bed.stored = [at(10), at(20)]
    await bed.progress.poll(2)
    assert bed.stale() == [False, False]


async def test_a_flushed_store_is_noticed_by_the_read_of_a_visitor(bed: Bed) -> None:
    await bed.progress.poll(2)
    seen = bed.progress.furthest(0)
    bed.progress.note_store(0, seen, Stored(done=10, incarnation=7))
    assert bed.stale() == [False, False]
    bed.progress.note_store(0, seen, Stored())
    assert bed.stale() == [True, False]


async def test_a_topic_that_was_made_anew_begins_anew(bed: Bed) -> None:
    await bed.progress.poll(2)
    bed.stored = [at(1, incarnation=8), at(20)]
    await bed.progress.poll(2)
    assert bed.stale() == [False, False]
    bed.stored = [at(0, incarnation=8), at(20)]
    await bed.progress.poll(2)
    assert bed.stale() == [True, False]


async def test_those_that_change_are_told_also_while_the_store_is_silent(bed: Bed) -> None:
    changed: list[tuple[float, int]] = []
    started = virtual_loop().time()

    async def note(partition: int) -> None:
        changed.append((virtual_loop().time() - started, partition))

    polling = asyncio.create_task(bed.progress.keep_polling(lambda: 2, note))
    await asyncio.sleep(10.25 * POLL_EVERY_S)
    assert changed == []
    assert bed.progress.reason() == ""
    bed.stored = StoreUnavailable("away")
    await asyncio.sleep(STALE_AFTER_S + 2 * POLL_EVERY_S)
    assert [partition for _, partition in changed] == [0, 1]
    assert STALE_AFTER_S < changed[0][0] - 10 * POLL_EVERY_S <= STALE_AFTER_S + POLL_EVERY_S
    told = "2 partitions are up to 4 s behind (0 first): answers there are labelled stale"
    assert bed.progress.reason() == told
    assert b"etalage_stale_partitions 2.0" in bed.metrics.render()
    bed.stored = [at(10), at(None, None)]
    await asyncio.sleep(POLL_EVERY_S)
    assert [partition for _, partition in changed] == [0, 1, 0]
    assert b"etalage_stale_partitions 1.0" in bed.metrics.render()
    assert b"etalage_stream_behind_seconds 4" not in bed.metrics.render()
    polling.cancel()


async def test_a_read_that_hangs_is_given_up(bed: Bed) -> None:
    async def hang(partitions: int) -> list[PartitionProgress]:
        await asyncio.sleep(3600)
        return []

    hanging = StreamProgress(hang, STALE_AFTER_S, Metrics())
    await hanging.poll(2)
    assert hanging.is_stale(0)


async def test_an_owner_that_finds_an_emptied_log_is_as_far_as_it_can_be(bed: Bed) -> None:
    await bed.progress.poll(2)
    bed.stored = [at(None, 0.0), at(20)]
    await bed.progress.poll(2)
    assert bed.stale() == [False, False]


async def test_a_stale_partition_is_fresh_again_well_within_the_promise(bed: Bed) -> None:
    polling = asyncio.create_task(bed.progress.keep_polling(lambda: 2, _nothing))
    seen = []
    for behind_s in (2.4, 3.1, 2.4, 2.1, 1.4, 2.4):
        bed.stored = [at(10, behind_s), at(20)]
        await asyncio.sleep(1.1 * POLL_EVERY_S)
        seen.append(bed.progress.is_stale(0))
    assert seen == [False, True, True, True, False, False]
    polling.cancel()


async def _nothing(partition: int) -> None:
    pass


async def test_polling_does_not_wait_until_everybody_was_told(bed: Bed) -> None:
    told: list[int] = []

    async def slow(partition: int) -> None:
        await asyncio.sleep(10 * STALE_AFTER_S)
        told.append(partition)

    bed.stored = [at(10, 60.0), at(20, 60.0)]
    polling = asyncio.create_task(bed.progress.keep_polling(lambda: 2, slow))
    await asyncio.sleep(2 * POLL_EVERY_S)
    bed.stored = [at(10), at(20)]
    await asyncio.sleep(5 * STALE_AFTER_S)
    assert bed.stale() == [False, False], "what is told takes long, and it is still polled"
    await asyncio.sleep(60 * STALE_AFTER_S)
    assert told == [0, 1, 0]
    polling.cancel()
