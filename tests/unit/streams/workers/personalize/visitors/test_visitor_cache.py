from __future__ import annotations

from schemas.ids import VisitorId
from streams.stores.protocols import Claim
from streams.workers.group.ownership import Holding
from streams.workers.personalize.visitors.visitor_cache import CachedVisitor, VisitorCache

A, B, C = VisitorId("a:a"), VisitorId("a:b"), VisitorId("a:c")


def make_holding(done: int | None = None) -> Holding:
    return Holding(0, Claim("1:x", done), turn=1, at=0, reason="assigned")


def cached(holding: Holding, end: int = 1) -> CachedVisitor:
    return CachedVisitor(holding, b"", None, 0.0, end=end)


def test_the_least_recent_leaves() -> None:
    cache, holding = VisitorCache(2), make_holding(done=1)
    for visitor in (A, B, A, C):
        cache.put(visitor, cached(holding))
    assert list(cache) == [A, C]
    assert cache.get(B, holding) is None


def test_what_another_holding_remembered_is_void() -> None:
    cache, before, now = VisitorCache(2), make_holding(), make_holding()
    cache.put(A, cached(before))
    assert cache.get(A, before) is not None
    assert cache.get(A, now) is None
    assert len(cache) == 0


def test_what_is_not_yet_written_stays_until_it_is() -> None:
    """The store has an older state of it: the next round must not fold on that."""
    cache, holding = VisitorCache(1), make_holding(done=4)
    cache.put(A, cached(holding, end=5))
    cache.put(B, cached(holding, end=5))
    cache.put(C, cached(holding, end=9))
    assert list(cache) == [A, B, C]
    holding.done = 5
    cache.put(C, cached(holding, end=9))
    assert list(cache) == [C]


def test_what_will_never_be_written_keeps_nobody_out() -> None:
    cache, lost, holding = VisitorCache(1), make_holding(), make_holding(done=1)
    cache.put(A, cached(lost, end=5))
    lost.lost = True
    cache.put(B, cached(holding))
    assert list(cache) == [B]
