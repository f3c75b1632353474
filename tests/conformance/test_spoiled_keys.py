"""What both stores do with keys of a visitor that hold what no worker wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from schemas.errors import Fenced, KeyUnreadable, QuarantineFull, Regressed
from schemas.ids import VisitorId
from streams.stores.protocols import (
    QUARANTINE_MAX,
    REPAIRED,
    STATE_BYTES_MAX,
    Claim,
    Loaded,
    SliceWrite,
    VisitorWrite,
)
from tests.conformance.stores import STORES, P, Store

ANN, BOB = VisitorId("u:ann"), VisitorId("a:bob")


@pytest.fixture(params=list(STORES))
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with STORES[request.param](request.getfixturevalue) as opened:
        yield opened


async def begin(store: Store) -> Claim:
    """Ann and Bob with a layout each, `done` at 1."""
    claim: Claim = await store.visitors.claim(P, "w1", 1)
    await store.visitors.write(SliceWrite(
        partition=P, epoch=claim.epoch, expect_done=None, expect_part=0, done=1, part=0,
        visitors=[
            VisitorWrite(visitor=v, state=b"1", version="7.3.1", head=b"h", body=b"b") for v in (ANN, BOB)
        ],
    ))  # fmt: skip
    return claim


def next_write(claim: Claim, one: VisitorWrite) -> SliceWrite:
    return SliceWrite(
        partition=P, epoch=claim.epoch, expect_done=1, expect_part=0, done=2, part=0, visitors=[one]
    )


async def test_a_misplaced_key_keeps_nobody_from_being_loaded(store: Store) -> None:
    await begin(store)
    await store.spoil_state(ANN, ["x"])
    await store.spoil_layout(BOB)
    assert await store.visitors.load(P, [ANN, BOB]) == [
        Loaded(None, b"b", ("state",)), Loaded(b"1", None, ("layout",)),
    ]  # fmt: skip
    await store.spoil_layout(ANN)
    assert (await store.visitors.load(P, [ANN]))[0].misplaced == ("state", "layout")
    assert await store.visitors.load(P, [ANN, BOB], bodies=False) == [
        Loaded(None, None, ("state",)), Loaded(b"1"),
    ]  # fmt: skip
    for read in (store.layouts.state, store.layouts.layout, store.layouts.state_layout_done):
        with pytest.raises(KeyUnreadable):
            await read(P, ANN)


async def test_of_an_absurdly_long_state_no_more_is_loaded_than_shows_it(store: Store) -> None:
    await begin(store)
    await store.spoil_state(ANN, b"\x01" * 100_000)
    (loaded,) = await store.visitors.load(P, [ANN])
    assert loaded.state == b"\x01" * (STATE_BYTES_MAX + 1)


@pytest.mark.parametrize("head_alone", [True, False])
async def test_a_misplaced_layout_is_written_over(store: Store, head_alone: bool) -> None:
    claim = await begin(store)
    await store.spoil_layout(ANN)
    body = None if head_alone else b"b2"
    one = VisitorWrite(visitor=ANN, state=b"2", version="7.3.2", head=b"h2", body=body)
    await store.visitors.write(next_write(claim, one))
    assert await store.layouts.layout(P, ANN) == (None if head_alone else (b"h2", b"b2"))
    assert await store.visitors.load(P, [ANN]) == [Loaded(b"2", body)]


@pytest.mark.parametrize("spoiled", [["x", "y"], b"garbage", b"", b"\x01" * 100_000])
async def test_an_unreadable_state_is_set_aside_whole(store: Store, spoiled: bytes | list[str]) -> None:
    claim = await begin(store)
    await store.spoil_state(ANN, spoiled)
    (loaded,) = await store.visitors.load(P, [ANN])
    kept = await store.visitors.quarantine(P, claim.epoch, ANN, loaded.state, nonce="n1")
    assert kept is not None
    assert (kept.visitor, kept.partition) == (ANN, P)
    assert kept.found == ("list" if isinstance(spoiled, list) else f"{len(spoiled)} bytes that are no state")
    assert await store.kept(kept.key) == spoiled
    assert await store.visitors.load(P, [ANN, BOB]) == [Loaded(None, b"b"), Loaded(b"1", b"b")]
    # tried again after a lost answer
    assert await store.visitors.quarantine(P, claim.epoch, ANN, loaded.state, nonce="n1") == kept
    assert await store.visitors.quarantine(P, claim.epoch, ANN, loaded.state, nonce="n2") is None


async def test_a_second_state_of_the_same_visitor_is_kept_beside_the_first(store: Store) -> None:
    claim = await begin(store)
    kept = []
    for spoiled in (b"first", b"second"):
        await store.spoil_state(ANN, spoiled)
        kept.append(await store.visitors.quarantine(P, claim.epoch, ANN, spoiled))
    assert [await store.kept(one.key) for one in kept] == [b"first", b"second"]


@pytest.mark.parametrize("stands", [b"1", b"other garbage", ["x"]])
async def test_what_was_not_seen_is_not_set_aside(store: Store, stands: bytes | list[str]) -> None:
    claim = await begin(store)
    await store.spoil_state(ANN, stands)
    assert await store.visitors.quarantine(P, claim.epoch, ANN, b"garbage") is None
    if isinstance(stands, bytes):
        assert await store.visitors.quarantine(P, claim.epoch, ANN, None) is None
        assert await store.layouts.state(P, ANN) == stands


async def test_a_zombie_sets_nothing_aside(store: Store) -> None:
    old = await begin(store)
    new = await store.visitors.claim(P, "w2", 2)
    await store.spoil_state(ANN, b"garbage")
    with pytest.raises(Fenced):
        await store.visitors.quarantine(P, old.epoch, ANN, b"garbage")
    await store.set_own(e=old.epoch)
    with pytest.raises(Regressed) as caught:
        await store.visitors.quarantine(P, new.epoch, ANN, b"garbage")
    assert caught.value.done == 1
    await store.flush()
    await store.spoil_state(ANN, b"garbage")
    with pytest.raises(Regressed):
        await store.visitors.quarantine(P, new.epoch, ANN, b"garbage")
    assert await store.layouts.state(P, ANN) == b"garbage"


async def test_no_more_than_some_are_set_aside(store: Store) -> None:
    claim = await begin(store)
    for number in range(QUARANTINE_MAX):
        await store.spoil_state(ANN, b"garbage")
        await store.visitors.quarantine(P, claim.epoch, ANN, b"garbage", nonce=str(number))
    await store.spoil_state(ANN, b"garbage")
    with pytest.raises(QuarantineFull):
        await store.visitors.quarantine(P, claim.epoch, ANN, b"garbage")
    assert await store.visitors.quarantine(P, claim.epoch, ANN, b"garbage", nonce="0") is not None
    assert await store.layouts.state(P, ANN) == b"garbage"


async def test_after_a_repair_the_owner_finds_that_the_store_went_back(store: Store) -> None:
    claim = await begin(store)
    repair = SliceWrite(
        partition=P, epoch=claim.epoch, expect_done=1, expect_part=0, done=1, part=REPAIRED,
        visitors=[VisitorWrite(visitor=ANN, state=b"mended", version="7.3.0", drop_layout=True)],
    )  # fmt: skip
    await store.visitors.write(repair)
    assert await store.layouts.state(P, ANN) == b"mended"
    with pytest.raises(Regressed) as caught:
        await store.visitors.write(next_write(claim, VisitorWrite(visitor=ANN, state=b"2", version="7.3.2")))
    assert caught.value.done == 1
    with pytest.raises(Regressed):
        await store.visitors.write(repair)  # carried out late
    again = await store.visitors.claim(P, "w1", 1)
    assert again.done == 1
    await store.visitors.write(next_write(again, VisitorWrite(visitor=ANN, state=b"2", version="7.3.2")))
    with pytest.raises(Fenced):
        await store.visitors.write(repair)
    assert await store.layouts.state(P, ANN) == b"2"
