"""decide: modes and reasons, one ranker run, answers to a click, and content that keeps its id."""

from __future__ import annotations

from random import Random

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from models.catalog.build import with_signals
from models.policy.decide import decide, popular_layout
from models.policy.layout_decision import LayoutDecision, PageRequest
from models.policy.snapshot import Snapshot, build_snapshot, empty_snapshot
from models.ranking.popularity import PopularityRanker
from models.ranking.ranker import Ranker
from models.storefront.shop import build_shop, with_items
from models.visitor.fold import fold
from models.visitor.packing import pack
from models.visitor.state import EMPTY, EventRecord, VisitorState
from schemas.codec import decode_event, encode
from schemas.errors import RankerFailed
from schemas.ids import ItemId, Version, VisitorId, hash32
from schemas.signals import Signal
from schemas.storefront import Match, PageType, RuleDef, Storefront
from tests.unit.models.random_shops import AT, NOW, random_table

TABLE = random_table(Random(1), 300)
RANKER = PopularityRanker()


class CountingRanker(PopularityRanker):
    def __init__(self) -> None:
        super().__init__()
        self.runs: list[int] = []

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        self.runs.append(len(features))
        return super().score(features)


class BrokenRanker(PopularityRanker):
    name = "broken"

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        raise RankerFailed("no")


def a_snapshot(ranker: Ranker | None = RANKER, *rules: RuleDef) -> Snapshot:
    shop = build_shop(TABLE, Storefront(rules=list(rules)), generation=4, built_at=AT)
    return build_snapshot(shop, ranker)


def state_after(state: VisitorState, *events: tuple[str, int | None]) -> VisitorState:
    """The state after events (name, row of the item)."""
    for name, row in events:
        offset = state.offset + 1
        raw: dict[str, object] = {
            "message_id": f"m{offset}",
            "event": name,
            "anonymous_id": "x",
            "timestamp": NOW,
        }
        if row is not None:
            item = TABLE.items[row]
            line = {"item_id": item.item_id, "price": item.price}
            line |= {"item_category": item.categories[0], "item_category2": item.categories[1]}
            raw["properties"] = {"items": [line]}
        if name == "consent_updated":
            raw["properties"] = {"purposes": {"personalization": False}}
        event = decode_event(encode(raw))
        state = fold(state, EventRecord(event, 0, offset, AT + 10 * offset, 7))
    return state


def in_stock(kind: str) -> list[int]:
    return [
        row
        for row, item in enumerate(TABLE.items)
        if item.category == kind and item.stock and item.price < 150
    ]


def request(
    state: VisitorState, previous: LayoutDecision | None = None, page: PageType = "home"
) -> PageRequest:
    return PageRequest(
        visitor=VisitorId("a:x"),
        state=pack(state),
        version=Version(7, 0, state.offset) if state.offset >= 0 else None,
        page=page,
        previous=previous.fills if previous else None,
        explained=True,
    )


def candidates_of(decided: LayoutDecision) -> list[int]:
    assert decided.evidence is not None
    rows: list[int] = decided.evidence.candidates.rows.tolist()
    return rows


def slots_of(decided: LayoutDecision) -> dict[str, str]:
    return {slot.module.id: slot.slot for slot in decided.layout.slots}


VIEWER = state_after(EMPTY, ("view_item", in_stock("lamps")[0]), ("view_item", in_stock("lamps")[1]))


@pytest.mark.parametrize(
    ("state", "ranker", "mode", "reason", "role"),
    [
        (VIEWER, RANKER, "full", "ok", "champion"),
        (EMPTY, RANKER, "popular", "cold_start", "understudy"),
        (state_after(EMPTY, ("page_view", None)), RANKER, "popular", "cold_start", "understudy"),
        (state_after(VIEWER, ("consent_updated", None)), RANKER, "popular", "consent", "understudy"),
        (VIEWER, None, "popular", "model_missing", "understudy"),
        (EMPTY, None, "popular", "cold_start", "understudy"),
        (VIEWER, BrokenRanker(), "popular", "model_failed", "understudy"),
        (EMPTY, BrokenRanker(), "popular", "cold_start", "understudy"),
    ],
)
def test_the_layout_says_how_it_was_made(
    state: VisitorState, ranker: Ranker | None, mode: str, reason: str, role: str
) -> None:
    layout = decide(a_snapshot(ranker), [request(state)], AT + 60)[0].layout
    assert (layout.mode, layout.reason, layout.model.role) == (mode, reason, role)
    assert layout.model.generation == 4
    assert len(layout.slots) == 7


def test_a_refusal_leaves_no_trace_of_the_state() -> None:
    refused = state_after(VIEWER, ("view_item", in_stock("mugs")[0]), ("consent_updated", None))
    layout = decide(a_snapshot(), [request(refused)], AT + 60)[0].layout
    stranger = decide(a_snapshot(), [request(EMPTY)], AT + 60)[0].layout
    assert [[i.id for i in s.module.items] for s in layout.slots] == [
        [i.id for i in s.module.items] for s in stranger.slots
    ]
    assert [s.module.reason for s in layout.slots] == [s.module.reason for s in stranger.slots]


def test_one_run_for_all_known_visitors() -> None:
    ranker = CountingRanker()
    decided = decide(a_snapshot(ranker), [request(VIEWER), request(EMPTY), request(VIEWER)], AT + 60)
    known = [len(candidates_of(one)) for one in (decided[0], decided[2])]
    assert ranker.runs == [sum(known)]
    assert [one.layout.mode for one in decided] == ["full", "popular", "full"]


def test_one_failure_fails_no_stranger() -> None:
    decided = decide(a_snapshot(BrokenRanker()), [request(VIEWER), request(EMPTY)], AT + 60)
    assert [one.layout.reason for one in decided] == ["model_failed", "cold_start"]


@pytest.mark.parametrize("page", ["home", "cart", "category"])
def test_the_id_names_content_and_not_the_snapshot(page: PageType) -> None:
    before = a_snapshot()
    moved = with_items(before.shop, with_signals(TABLE, {}, AT), generation=99, built_at=AT + 5)
    after_signals = build_snapshot(moved, RANKER, before)
    first, second = (
        decide(snapshot, [request(VIEWER, page=page)], AT + 60)[0] for snapshot in (before, after_signals)
    )
    assert second.model.generation == 99
    assert first.slots("") == second.slots("")
    assert first.layout.layout_id == second.layout.layout_id
    viewed_more = state_after(VIEWER, ("view_item", in_stock("mugs")[0]))
    other = decide(before, [request(viewed_more, page=page)], AT + 60)[0]
    assert (other.slots("") == first.slots("")) == (other.layout.layout_id == first.layout.layout_id)


def test_an_id_is_of_one_visitor_page_and_provenance() -> None:
    requests = [
        request(VIEWER),
        replace(request(VIEWER), visitor=VisitorId("a:y")),
        replace(request(VIEWER), page="cart"),
    ]
    ids = [one.layout.layout_id for one in decide(a_snapshot(), requests, AT + 60)]
    ids.append(decide(a_snapshot(None), requests[:1], AT + 60)[0].layout.layout_id)
    assert len(set(ids)) == 4


def test_every_decision_id_is_the_layouts_own() -> None:
    layout = decide(a_snapshot(), [request(VIEWER)], AT + 60)[0].layout
    for slot in layout.slots:
        assert slot.module.decision_id == f"{layout.layout_id}/{slot.slot}"


def test_no_requests_no_decisions() -> None:
    assert decide(a_snapshot(), [], AT) == []


def test_a_click_shows_at_once() -> None:
    snapshot = a_snapshot()
    first = decide(snapshot, [request(VIEWER)], AT + 30)[0]
    mug = in_stock("mugs")[3]
    clicked = state_after(VIEWER, ("view_item", mug))
    second = decide(snapshot, [request(clicked, first)], clicked.at)[0]
    assert second.changed
    assert slots_of(second)["because-you-viewed"] in ("home.row-1", "home.row-2")
    row = next(s.module for s in second.layout.slots if s.module.id == "because-you-viewed")
    assert row.title == f"Because you viewed {TABLE.items[mug].title}"
    kinds = [TABLE.items[TABLE.row_of(item.id)].category for item in row.items]
    assert kinds.count("mugs") > len(kinds) / 2
    assert TABLE.ids[mug] not in [item.id for item in row.items]


def test_an_event_that_changes_nothing_keeps_the_content_and_moves_the_version() -> None:
    snapshot = a_snapshot()
    first = decide(snapshot, [request(VIEWER)], AT + 30)[0]
    later = state_after(VIEWER, ("page_view", None))
    second = decide(snapshot, [request(later, first)], AT + 31)[0]
    assert not second.changed
    assert second.body() == first.body()
    assert (first.layout.version, second.layout.version) == ("7.0.1", "7.0.2")
    assert second.layout.layout_id == first.layout.layout_id


def test_a_dismissed_module_stays_away() -> None:
    away = msgspec.structs.replace(VIEWER, dismissed=(hash32("trending"), hash32("popular")))
    decided = decide(a_snapshot(), [request(away)], AT + 60)[0]
    assert not {"trending", "popular"} & set(slots_of(decided))


def test_a_module_that_is_answered_climbs() -> None:
    snapshot = a_snapshot()
    modules = list(slots_of(decide(snapshot, [request(VIEWER)], AT + 900)[0]))
    answering = msgspec.structs.replace(VIEWER, promotions={hash32(modules[-1]): (20, 18)})
    climbed = list(slots_of(decide(snapshot, [request(answering)], AT + 900)[0]))
    assert climbed.index(modules[-1]) < len(modules) - 1


def test_a_boost_moves_items_up() -> None:
    mug = in_stock("mugs")[0]
    boosted = RuleDef(id="b", action="boost", match=Match(items=[TABLE.ids[mug]]), factor=60.0)
    page = decide(a_snapshot(RANKER, boosted), [request(VIEWER)], AT + 60)[0]
    if mug in candidates_of(page):
        assert TABLE.ids[mug] == page.layout.slots[0].module.items[0].id
    else:
        pytest.fail("the item to boost is no candidate; choose another")


def test_an_empty_shop_has_frames() -> None:
    layout = decide(empty_snapshot(), [request(VIEWER)], AT)[0].layout
    assert (layout.mode, layout.reason) == ("static", "stream_stale")
    assert len(layout.slots) == 7
    assert all(slot.module.items == [] and "{" not in slot.module.title for slot in layout.slots)


def test_the_popular_layout_says_why() -> None:
    layout = popular_layout(a_snapshot(), request(VIEWER), "redis_down", AT)
    assert (layout.mode, layout.reason, layout.version) == ("popular", "redis_down", "0.0.0")
    assert popular_layout(empty_snapshot(), request(VIEWER), "redis_down", AT).mode == "static"


def test_search_results_follow_the_words() -> None:
    page = PageRequest(
        visitor=VisitorId("a:x"), state=pack(VIEWER), version=None, page="search", q="thing 17"
    )
    results = decide(a_snapshot(), [page], AT)[0].layout.slots[0].module
    assert results.title == "Results for thing 17"
    assert TABLE.items[TABLE.row_of("i0017")].stock
    assert results.items[0].id == "i0017"


def test_a_category_page_lists_its_category() -> None:
    page = PageRequest(
        visitor=VisitorId("a:x"), state=pack(VIEWER), version=None, page="category", category="mugs"
    )
    grid = decide(a_snapshot(), [page], AT)[0].layout.slots[0].module
    assert (grid.id, grid.title) == ("category", "Mugs")
    assert {TABLE.items[TABLE.row_of(item.id)].category for item in grid.items} == {"mugs"}


def test_other_items_in_the_same_modules_are_new_content() -> None:
    snapshot = a_snapshot()
    first = decide(snapshot, [request(EMPTY)], AT)[0]
    falling = {
        ItemId(name): Signal(
            item_id=ItemId(name), at=AT, delta_offset=9, popularity=0.1 * row, trend=0.1 * row
        )
        for row, name in enumerate(TABLE.ids)
    }
    newer = with_items(snapshot.shop, with_signals(TABLE, falling, AT), generation=5, built_at=AT)
    second = decide(build_snapshot(newer, RANKER), [request(EMPTY, first)], AT)[0]
    assert newer.view is snapshot.shop.view
    assert list(slots_of(second)) == list(slots_of(first))
    assert [f.rows for f in second.assembled] != [f.rows for f in first.assembled]
    assert second.changed
    assert second.layout.layout_id != first.layout.layout_id
