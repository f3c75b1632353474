"""Both stores keep how far behind an owner said a partition is, and let it grow older."""

from __future__ import annotations

import pytest

from streams.stores.progress import PartitionProgress, ProgressReport
from streams.stores.protocols import Claim, SliceWrite
from tests.conformance.stores import INCARNATION, P, Store


async def claim_and_write(store: Store, done: int) -> Claim:
    """The claim of an owner who has applied everything before `done`."""
    claim: Claim = await store.visitors.claim(P, "w1", 1)
    await store.visitors.write(
        SliceWrite(partition=P, epoch=claim.epoch, expect_done=None, expect_part=0, done=done, part=0)
    )
    return claim


def report_of(claim: Claim, done: int | None, behind_s: float = 0.0) -> ProgressReport:
    return ProgressReport(partition=P, epoch=claim.epoch, done=done, behind_s=behind_s)


async def progress_of(store: Store) -> PartitionProgress:
    everything = await store.layouts.progress(P + 2)
    assert everything[:P] + everything[P + 1 :] == [PartitionProgress()] * (P + 1), (
        "nobody claimed the others"
    )
    one: PartitionProgress = everything[P]
    return one


async def test_how_far_behind_a_partition_is_is_what_its_owner_said_and_grows_from_then_on(
    store: Store,
) -> None:
    assert await progress_of(store) == PartitionProgress()
    claim = await claim_and_write(store, 10)
    assert await progress_of(store) == PartitionProgress(incarnation=INCARNATION, done=10)
    await store.visitors.report([report_of(claim, 10, 100.0)])
    first = await progress_of(store)
    assert (first.incarnation, first.done) == (INCARNATION, 10)
    assert first.behind_s is not None
    assert 100 <= first.behind_s < 160
    await store.visitors.report([report_of(claim, 10)])
    second = await progress_of(store)
    assert second.behind_s is not None
    assert second.behind_s < 60


@pytest.mark.parametrize("what", ["fenced", "went back", "flushed", "other epoch"])
async def test_a_report_under_a_claim_that_no_longer_holds_changes_nothing(store: Store, what: str) -> None:
    claim = await claim_and_write(store, 10)
    if what == "fenced":
        await store.visitors.claim(P, "w2", 2)
    elif what == "went back":
        await store.set_own(done=5)
    elif what == "flushed":
        await store.flush()
    else:
        await store.set_own(e="0:of-before")
    await store.visitors.report([report_of(claim, 10)])
    assert (await progress_of(store)).behind_s is None


async def test_progress_in_another_incarnation_of_the_topic_is_forgotten(store: Store) -> None:
    claim = await claim_and_write(store, 10)
    await store.visitors.report([report_of(claim, 10)])
    await store.reopen(INCARNATION + 1).claim(P, "w1", 1)
    assert await progress_of(store) == PartitionProgress(incarnation=INCARNATION + 1)
