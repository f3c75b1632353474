"""One suite that the memory and the Redis store both pass: what the engine and the gateway rely on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.errors import Fenced, Regressed
from schemas.ids import VisitorId
from streams.stores.protocols import (
    Claim,
    Following,
    Loaded,
    Notice,
    SliceWrite,
    Stored,
    VisitorWrite,
)
from tests.conformance.stores import INCARNATION, P, Store

ANN, BOB = VisitorId("u:ann"), VisitorId("a:bob")


def slice_of(
    claim: Claim, *visitors: VisitorWrite, frm: tuple[int | None, int], to: tuple[int | None, int]
) -> SliceWrite:
    return SliceWrite(
        partition=P, epoch=claim.epoch, expect_done=frm[0], expect_part=frm[1], done=to[0], part=to[1],
        visitors=visitors,
    )  # fmt: skip


def ann(state: bytes, **layout: Any) -> VisitorWrite:
    return VisitorWrite(visitor=ANN, state=state, version="7.3.1", **layout)


def bob(state: bytes, **layout: Any) -> VisitorWrite:
    return VisitorWrite(visitor=BOB, state=state, version="7.3.2", **layout)


async def test_what_is_written_is_read(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    assert claim.done is None
    whole = ann(b"\x01a", head=b'{"v":1', body=b',"b":2}')
    await store.visitors.write(slice_of(claim, whole, bob(b"\x01b"), frm=(None, 0), to=(10, 0)))
    assert await store.visitors.load(P, [BOB, ANN, VisitorId("u:new")]) == [
        Loaded(b"\x01b", None),
        Loaded(b"\x01a", b',"b":2}'),
        Loaded(),
    ]
    assert await store.visitors.load(P, [ANN], bodies=False) == [Loaded(b"\x01a", None)]
    assert await store.layouts.layout(P, ANN) == (b'{"v":1', b',"b":2}')
    assert await store.layouts.layout(P, BOB) is None
    assert await store.layouts.state(P, BOB) == b"\x01b"
    assert await store.layouts.state_layout_done(P, ANN) == Stored(
        state=b"\x01a", head=b'{"v":1', body=b',"b":2}', done=10, incarnation=INCARNATION
    )
    assert await store.layouts.state_layout_done(P + 1, ANN) == Stored()


async def test_loading_nobody_asks_nothing(store: Store) -> None:
    assert await store.visitors.load(P, []) == []


async def test_a_head_alone_keeps_the_body(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    await store.visitors.write(slice_of(claim, ann(b"1", head=b"h1", body=b"b1"), frm=(None, 0), to=(1, 0)))
    await store.visitors.write(slice_of(claim, ann(b"2", head=b"h2"), frm=(1, 0), to=(2, 0)))
    assert await store.layouts.layout(P, ANN) == (b"h2", b"b1")


async def test_a_head_never_stands_without_a_body(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    await store.visitors.write(slice_of(claim, ann(b"1", head=b"h1"), frm=(None, 0), to=(1, 0)))
    assert await store.layouts.layout(P, ANN) is None
    assert await store.visitors.load(P, [ANN]) == [Loaded(b"1", None)]


async def test_a_layout_stays_until_dropped(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    await store.visitors.write(slice_of(claim, ann(b"1", head=b"h", body=b"b"), frm=(None, 0), to=(1, 0)))
    await store.visitors.write(slice_of(claim, ann(b"2"), frm=(1, 0), to=(2, 0)))
    assert await store.layouts.layout(P, ANN) == (b"h", b"b")
    await store.visitors.write(slice_of(claim, ann(b"3", drop_layout=True), frm=(2, 0), to=(3, 0)))
    assert await store.layouts.layout(P, ANN) is None


async def test_a_slice_without_visitors_moves_done(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    await store.visitors.write(slice_of(claim, frm=(None, 0), to=(5, 0)))
    assert (await store.visitors.claim(P, "w1", 1)).done == 5


async def test_slices_of_the_first_chunk_have_no_done_yet(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    await store.visitors.write(slice_of(claim, ann(b"1"), frm=(None, 0), to=(None, 1)))
    assert (await store.visitors.claim(P, "w2", 2)).done is None


async def test_offsets_beyond_32_bits_stay_exact(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    far = 2**52 + 1
    await store.visitors.write(slice_of(claim, frm=(None, 0), to=(far, 0)))
    await store.visitors.write(slice_of(claim, frm=(far, 0), to=(far + 1, 0)))
    assert (await store.visitors.claim(P, "w1", 1)).done == far + 1


async def test_a_new_claim_fences_the_old_owner(store: Store) -> None:
    old = await store.visitors.claim(P, "w1", 1)
    new = await store.visitors.claim(P, "w2", 2)
    assert new.epoch != old.epoch
    with pytest.raises(Fenced):
        await store.visitors.write(slice_of(old, ann(b"zombie"), frm=(None, 0), to=(9, 0)))
    assert await store.visitors.load(P, [ANN]) == [Loaded()]
    await store.visitors.write(slice_of(new, ann(b"1"), frm=(None, 0), to=(1, 0)))


async def test_a_late_claim_is_refused(store: Store) -> None:
    await store.visitors.claim(P, "w2", 5)
    with pytest.raises(Fenced):
        await store.visitors.claim(P, "zombie", 4)
    await store.visitors.claim(P, "w2", 5)


async def test_a_group_that_counts_anew_may_claim_after_the_patience(store: Store) -> None:
    await store.visitors.claim(P, "w2", 5)
    await store.set_own(aged=301)
    await store.visitors.claim(P, "w1", 1)


async def test_a_claim_tried_again_is_the_same_claim(store: Store) -> None:
    first = await store.visitors.claim(P, "w1", 3, nonce="n1")
    assert await store.visitors.claim(P, "w1", 3, nonce="n1") == first
    later = await store.visitors.claim(P, "w1", 3, nonce="n2")
    assert later.epoch != first.epoch


async def test_a_write_tried_again_changes_nothing(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    first = slice_of(claim, ann(b"1"), frm=(None, 0), to=(None, 1))
    last = slice_of(claim, bob(b"2"), frm=(None, 1), to=(7, 0))
    for part in (first, first, last, last):
        await store.visitors.write(part)
    assert await store.own() == {"e": claim.epoch, "done": 7, "part": 0}
    with pytest.raises(Fenced):  # carried out long after: past its own target
        await store.visitors.write(first)
    assert await store.visitors.load(P, [ANN, BOB]) == [Loaded(b"1"), Loaded(b"2")]


async def test_a_flushed_store_has_regressed(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    await store.visitors.write(slice_of(claim, ann(b"1"), frm=(None, 0), to=(4, 0)))
    await store.flush()
    with pytest.raises(Regressed) as caught:
        await store.visitors.write(slice_of(claim, ann(b"2"), frm=(4, 0), to=(5, 0)))
    assert caught.value.done is None
    assert await store.visitors.load(P, [ANN]) == [Loaded()]


async def test_lost_writes_of_our_epoch_have_regressed(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    await store.visitors.write(slice_of(claim, ann(b"1"), frm=(None, 0), to=(4, 0)))
    await store.set_own(done=2)
    with pytest.raises(Regressed) as caught:
        await store.visitors.write(slice_of(claim, ann(b"2"), frm=(4, 0), to=(5, 0)))
    assert caught.value.done == 2


async def test_slices_sent_together_are_written_in_order_and_again_without_effect(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    places: list[tuple[int | None, int]] = [(None, 0), (None, 1), (None, 2), (9, 0)]
    slices = [
        replace(slice_of(claim, ann(b"%d" % n), frm=frm, to=to), last=(9, 0))
        for n, (frm, to) in enumerate(pairwise(places))
    ]
    assert await store.visitors.write_all(slices) == [None, None, None]
    assert await store.visitors.write_all(slices) == [None, None, None]  # all answers were lost
    assert await store.visitors.write_all(slices[1:]) == [None, None]
    assert await store.layouts.state(P, ANN) == b"2"
    assert (await store.layouts.state_layout_done(P, ANN)).done == 9
    await store.visitors.write(slice_of(claim, ann(b"next"), frm=(9, 0), to=(11, 0)))
    with pytest.raises(Fenced):  # a write of long ago, carried out late
        await store.visitors.write(slices[0])
    assert await store.layouts.state(P, ANN) == b"next"


async def test_of_slices_sent_together_some_may_have_been_written(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    first = replace(slice_of(claim, ann(b"1"), frm=(None, 0), to=(None, 1)), last=(9, 0))
    last = slice_of(claim, bob(b"2"), frm=(None, 1), to=(9, 0))
    await store.visitors.write(first)
    assert await store.visitors.write_all([first, last]) == [None, None]
    assert await store.layouts.state(P, BOB) == b"2"


async def test_a_refused_slice_takes_those_behind_it_along_and_no_other_partition(store: Store) -> None:
    claim, other = await store.visitors.claim(P, "w1", 1), await store.visitors.claim(P + 1, "w1", 1)
    await store.visitors.write(slice_of(claim, frm=(None, 0), to=(4, 0)))
    await store.set_own(done=2)  # the store went back
    outcomes = await store.visitors.write_all([
        replace(slice_of(claim, ann(b"1"), frm=(4, 0), to=(4, 1)), last=(8, 0)),
        replace(slice_of(other, bob(b"1"), frm=(None, 0), to=(3, 0)), partition=P + 1),
        slice_of(claim, ann(b"2"), frm=(4, 1), to=(8, 0)),
    ])  # fmt: skip
    assert [type(outcome) for outcome in outcomes] == [Regressed, type(None), Regressed]
    assert await store.layouts.state(P, ANN) is None
    assert await store.layouts.state(P + 1, BOB) == b"1"


async def test_a_lost_slice_between_two_slices_has_regressed(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    await store.visitors.write(slice_of(claim, frm=(None, 0), to=(4, 0)))
    await store.visitors.write(slice_of(claim, ann(b"1"), frm=(4, 0), to=(4, 1)))
    await store.set_own(part=0)  # the store is as it was before the first slice
    with pytest.raises(Regressed) as caught:
        await store.visitors.write(slice_of(claim, bob(b"1"), frm=(4, 1), to=(8, 0)))
    assert caught.value.done == 4


async def test_a_store_from_before_our_claim_has_regressed(store: Store) -> None:
    old = await store.visitors.claim(P, "w1", 1)
    await store.visitors.write(slice_of(old, frm=(None, 0), to=(4, 0)))
    new = await store.visitors.claim(P, "w2", 2)
    await store.set_own(e=old.epoch)
    with pytest.raises(Regressed) as caught:
        await store.visitors.write(slice_of(new, ann(b"1"), frm=(4, 0), to=(5, 0)))
    assert caught.value.done == 4


async def test_a_counter_handed_out_twice_still_fences(store: Store) -> None:
    first = await store.visitors.claim(P, "w1", 1)
    await store.flush()
    second = await store.visitors.claim(P, "w2", 2)
    assert first.epoch.split(":")[0] == second.epoch.split(":")[0]
    with pytest.raises(Fenced):
        await store.visitors.write(slice_of(first, ann(b"zombie"), frm=(None, 0), to=(1, 0)))


async def test_another_incarnation_begins_anew(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 9)
    await store.visitors.write(slice_of(claim, ann(b"1"), frm=(None, 0), to=(4, 0)))
    fresh = await store.reopen(INCARNATION + 1).claim(P, "w1", 1)  # a new cluster counts generations anew
    assert fresh.done is None
    with pytest.raises(Fenced):
        await store.visitors.write(slice_of(claim, ann(b"2"), frm=(4, 0), to=(5, 0)))


async def take(stream: AsyncIterator[Any], n: int) -> list[Any]:
    async with asyncio.timeout(10):
        return [await anext(stream) for _ in range(n)]


async def test_each_script_tells_whom_it_wrote(store: Store) -> None:
    notices = store.layouts.notices()
    stream = aiter(notices)
    await notices.follow(P)
    assert await take(stream, 1) == [Following(P)]
    claim = await store.visitors.claim(P, "w1", 1)
    await store.visitors.write(
        slice_of(claim, ann(b"1", head=b"h", body=b"b"), bob(b"2"), frm=(None, 0), to=(2, 0))
    )
    assert await take(stream, 2) == [Notice(P, ANN, True, "7.3.1"), Notice(P, BOB, False, "7.3.2")]
    await notices.follow(P + 1)
    assert await take(stream, 1) == [Following(P + 1)]
    await notices.unfollow(P)
    await store.visitors.write(slice_of(claim, ann(b"2"), frm=(2, 0), to=(3, 0)))
    await notices.follow(P)
    assert await take(stream, 1) == [Following(P)]  # and nothing of what came in between
    await notices.close()
    assert [received async for received in stream] == []
