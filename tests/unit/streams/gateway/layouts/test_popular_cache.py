"""Popular layouts are decided once for everybody, and each visitor gets its own."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from models.policy.decide import popular_layout
from models.policy.snapshot import build_snapshot, empty_snapshot
from schemas.ids import VisitorId
from schemas.layouts import Layout
from streams.gateway.http.parameters import LayoutQuery
from streams.gateway.layouts import popular_cache
from streams.gateway.layouts.popular_cache import FRESH_S, LAYOUTS_MAX, PopularLayoutCache
from tests.unit.streams.gateway.house import AT, small_shop


async def test_popular_layouts_are_each_visitors_own(client: httpx.AsyncClient) -> None:
    bot = {"user-agent": "somebot/1"}
    one, two = [
        msgspec.json.decode(
            (await client.get("/v1/layouts/home", params={"visitor": v}, headers=bot)).content, type=Layout
        )
        for v in ("a:1", "a:2")
    ]
    assert one.visitor_id == "a:1"
    assert one.layout_id != two.layout_id
    for layout in (one, two):
        for slot in layout.slots:
            assert slot.module.decision_id == f"{layout.layout_id}/{slot.slot}"


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The requests that a popular layout was decided for."""
    requests: list[Any] = []

    def note_request(snapshot: Any, request: Any, reason: Any, at: float) -> Layout:
        requests.append(request)
        return popular_layout(snapshot, request, reason, at)

    monkeypatch.setattr(popular_cache, "popular_layout", note_request)
    return requests


def a_query(visitor: str = "a:1", **parameters: Any) -> LayoutQuery:
    return LayoutQuery(page="home", visitor=VisitorId(visitor), **parameters)


def test_one_decision_serves_all_visitors_for_a_while(decided: list[Any]) -> None:
    cache, snapshot, at = PopularLayoutCache(), build_snapshot(small_shop()), AT.timestamp()
    for visitor in ("a:1", "a:2"):
        cache.layout_for(snapshot, a_query(visitor), "bot", at)
        cache.layout_for(snapshot, a_query(visitor), "bot", at + FRESH_S - 1)
    assert len(decided) == 1
    cache.layout_for(snapshot, a_query(), "redis_down", at)
    assert len(decided) == 2, "the reason is part of a layout"
    cache.layout_for(snapshot, a_query(), "bot", at + FRESH_S)
    assert len(decided) == 3


def test_another_shop_and_a_full_cache_begin_anew(decided: list[Any]) -> None:
    cache, empty, at = PopularLayoutCache(), empty_snapshot(), AT.timestamp()
    for snapshot in (build_snapshot(small_shop()), empty):
        cache.layout_for(snapshot, a_query(q="q0"), "bot", at)
    assert len(decided) == 2
    for number in range(LAYOUTS_MAX):
        cache.layout_for(empty, a_query(q=f"q{number}"), "bot", at)
    assert len(decided) == 2 + LAYOUTS_MAX - 1
    cache.layout_for(empty, a_query(q="q0"), "bot", at)
    assert len(decided) == 2 + LAYOUTS_MAX
