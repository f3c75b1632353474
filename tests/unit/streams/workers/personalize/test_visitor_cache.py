from __future__ import annotations

from msgspec.structs import replace

from models.visitor.packing import pack
from models.visitor.state import EMPTY
from schemas.ids import VisitorId
from streams.stores.protocols import Claim
from streams.workers.group.ownership import Holding
from streams.workers.personalize.visitor_cache import CachedVisitor, VisitorCache

A, B, C = VisitorId("a:a"), VisitorId("a:b"), VisitorId("a:c")


def make_holding() -> Holding:
    return Holding(0, Claim("1:x", None), turn=1, at=0, reason="assigned")


def test_the_least_recent_leaves() -> None:
    cache, holding = VisitorCache(2), make_holding()
    for visitor in (A, B, A, C):
        cache.put(visitor, CachedVisitor(holding, EMPTY, None, 0.0))
    assert list(cache) == [A, C]
    assert cache.get(B, holding) is None


def test_what_another_holding_remembered_is_void() -> None:
    cache, before, now = VisitorCache(2), make_holding(), make_holding()
    cache.put(A, CachedVisitor(before, EMPTY, None, 0.0))
    assert cache.get(A, before) is not None
    assert cache.get(A, now) is None
    assert len(cache) == 0


def test_older_states_are_kept_packed_and_come_back_equal() -> None:
    cache, holding = VisitorCache(3, unpacked=1), make_holding()
    states = {visitor: replace(EMPTY, at=n, offset=n) for n, visitor in enumerate((A, B, C), start=1)}
    for visitor, state in states.items():
        cache.put(visitor, CachedVisitor(holding, state, None, 0.0, packed=pack(state)))
    entries = {visitor: cache.get(visitor, holding) for visitor in states}
    assert {visitor: entry.state for visitor, entry in entries.items() if entry} == states
    assert [visitor for visitor, entry in entries.items() if entry and entry.state is states[visitor]] == [C]


def test_what_leaves_is_let_go_everywhere() -> None:
    cache, holding = VisitorCache(1, unpacked=5), make_holding()
    for visitor in (A, B):
        cache.put(visitor, CachedVisitor(holding, EMPTY, None, 0.0))
    assert list(cache._unpacked_entries) == [B]
    assert cache.get(B, make_holding()) is None
    assert not cache._unpacked_entries
