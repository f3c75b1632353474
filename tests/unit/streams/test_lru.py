from __future__ import annotations

from models.visitor import EMPTY
from schemas.ids import VisitorId
from streams.lru import Remembered, VisitorCache
from streams.ownership import Holding
from streams.stores.protocols import Claim

A, B, C = VisitorId("a:a"), VisitorId("a:b"), VisitorId("a:c")


def held() -> Holding:
    return Holding(0, Claim("1:x", None), turn=1, at=0, why="assigned")


def test_the_least_recent_leaves() -> None:
    cache, holding = VisitorCache(2), held()
    for visitor in (A, B, A, C):
        cache.put(visitor, Remembered(holding, EMPTY, None, 0.0))
    assert list(cache) == [A, C]
    assert cache.get(B, holding) is None


def test_what_another_holding_remembered_is_void() -> None:
    cache, before, now = VisitorCache(2), held(), held()
    cache.put(A, Remembered(before, EMPTY, None, 0.0))
    assert cache.get(A, before) is not None
    assert cache.get(A, now) is None
    assert len(cache) == 0
