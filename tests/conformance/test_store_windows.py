"""What both stores do with windows: keys of their own, written with the states by one write."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from schemas.errors import Fenced
from schemas.ids import VisitorId
from streams.stores.protocols import WINDOW_BYTES_MAX, Claim, Loaded, SliceWrite, VisitorWrite, WindowWrite
from streams.stores.redis.visitors import Lifetimes
from tests.conformance.stores import STORES, P, Redis, Store

ANN, BOB = VisitorId("u:ann"), VisitorId("a:bob")


@pytest.fixture(params=list(STORES))
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with STORES[request.param](request.getfixturevalue) as opened:
        yield opened


def write_of(claim: Claim, number: int, *windows: WindowWrite) -> SliceWrite:
    """The `number`th write of a partition, from 0 on: Bob's state and these windows."""
    return SliceWrite(
        partition=P, epoch=claim.epoch, expect_done=number or None, expect_part=0, done=number + 1, part=0,
        visitors=[VisitorWrite(visitor=BOB, state=b"%d" % number, version="7.3.1")], windows=windows,
    )  # fmt: skip


async def load_windows(store: Store) -> list[bytes | None]:
    return [one.window for one in await store.visitors.load(P, [ANN, BOB])]


async def test_a_window_is_written_added_to_replaced_and_deleted(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    writes = [
        write_of(claim, 0, WindowWrite(visitor=ANN, added=b"one"), WindowWrite(visitor=BOB, added=b"bob")),
        write_of(claim, 1, WindowWrite(visitor=ANN, kept=3, added=b" two")),
        write_of(claim, 2, WindowWrite(visitor=ANN, added=b"new")),
        write_of(claim, 3, WindowWrite(visitor=ANN)),
    ]
    seen = []
    for write in writes:
        await store.visitors.write(write)
        await store.visitors.write(write)  # again, after a lost answer
        seen.append((await load_windows(store))[0])
    assert seen == [b"one", b"one two", b"new", None]
    assert await store.visitors.load(P, [BOB], bodies=False) == [Loaded(b"3", None, (), b"bob")]


async def test_whoever_lost_the_partition_adds_nothing(store: Store) -> None:
    old = await store.visitors.claim(P, "w1", 1)
    await store.visitors.write(write_of(old, 0, WindowWrite(visitor=ANN, added=b"one")))
    await store.visitors.claim(P, "w2", 2)
    with pytest.raises(Fenced):
        await store.visitors.write(write_of(old, 1, WindowWrite(visitor=ANN, kept=3, added=b" two")))
    assert await load_windows(store) == [b"one", None]


async def test_what_is_added_to_a_lost_window_does_not_look_like_one(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    await store.visitors.write(write_of(claim, 0, WindowWrite(visitor=ANN, kept=5, added=b"!")))
    assert await load_windows(store) == [b"\0\0\0\0\0!", None]
    if isinstance(store, Redis):
        assert await store.client.ttl(store.keys.window(P, ANN)) > 0


async def test_a_window_of_another_type_is_left_to_be_set_aside(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    await store.spoil_window(ANN, ["x"])
    await store.visitors.write(write_of(claim, 0, WindowWrite(visitor=ANN, kept=5, added=b"!")))
    (loaded,) = await store.visitors.load(P, [ANN])
    assert (loaded.misplaced, loaded.window) == (("window",), None)
    kept = await store.visitors.quarantine(P, claim.epoch, ANN, None, window=True)
    assert kept.found == "list"
    assert await store.kept(kept.key) == ["x"]
    assert await store.visitors.load(P, [ANN]) == [Loaded()]


@pytest.mark.parametrize("spoiled", [b"garbage", b"x" * (WINDOW_BYTES_MAX + 100)])
async def test_a_window_is_set_aside_and_the_state_stays(store: Store, spoiled: bytes) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    await store.visitors.write(write_of(claim, 0))
    await store.spoil_window(BOB, spoiled)
    (loaded,) = await store.visitors.load(P, [BOB])
    assert loaded.window == spoiled[: WINDOW_BYTES_MAX + 1]
    assert await store.visitors.quarantine(P, claim.epoch, BOB, b"other", window=True) is None
    kept = await store.visitors.quarantine(P, claim.epoch, BOB, loaded.window, window=True, nonce="n")
    assert kept.found == f"{len(spoiled)} bytes that are no window"
    assert await store.visitors.quarantine(P, claim.epoch, BOB, loaded.window, window=True, nonce="n") == kept
    assert await store.kept(kept.key) == spoiled
    assert await store.visitors.load(P, [BOB]) == [Loaded(b"0")]


async def test_with_a_state_that_is_set_aside_its_window_goes(store: Store) -> None:
    claim = await store.visitors.claim(P, "w1", 1)
    await store.visitors.write(write_of(claim, 0, WindowWrite(visitor=BOB, added=b"window")))
    await store.spoil_state(BOB, b"garbage")
    assert await store.visitors.quarantine(P, claim.epoch, BOB, b"garbage") is not None
    assert await store.visitors.load(P, [BOB]) == [Loaded()]


async def test_in_redis_a_window_outlives_what_may_need_it(store: Store) -> None:
    """Added to, it keeps its time to live: that is counted from when it was written whole."""
    if not isinstance(store, Redis):
        return
    claim = await store.visitors.claim(P, "w1", 1)
    await store.visitors.write(write_of(claim, 0, WindowWrite(visitor=ANN, added=b"one")))
    await store.client.expire(store.keys.window(P, ANN), 1000)
    await store.visitors.write(write_of(claim, 1, WindowWrite(visitor=ANN, kept=3, added=b" two")))
    assert 0 < await store.client.ttl(store.keys.window(P, ANN)) <= 1000
    await store.visitors.write(write_of(claim, 2, WindowWrite(visitor=ANN, added=b"new")))
    assert await store.client.ttl(store.keys.window(P, ANN)) > Lifetimes().window_s - 60
