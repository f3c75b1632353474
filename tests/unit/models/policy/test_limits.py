"""What a shop, a ranker or an extension in Python may bring about: never a crash, never a lost page."""

from __future__ import annotations

import gc
import weakref
from random import Random

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from models.candidates.source import Source
from models.candidates.sources import SOURCES, propose_candidates
from models.candidates.visit import Visit
from models.catalog.build import build_items
from models.features.spec import NAMES
from models.layout.kinds.kind import ModuleKind
from models.policy.decide import decide
from models.policy.layout_decision import LayoutDecision, PageRequest
from models.policy.page_run import RUN_MAX, PageRun
from models.policy.snapshot import Snapshot, build_snapshot
from models.ranking.ranker import Bounds
from models.storefront.columns import PageColumns
from models.storefront.rules import page_rules
from models.storefront.shop import build_shop
from models.visitor.packing import pack
from schemas.ids import VisitorId
from schemas.storefront import Match, PageType, RuleDef, Storefront
from tests.unit.models.random_shops import AT, OddRanker, random_items, random_snapshot, random_state


def a_request(snapshot: Snapshot, number: int = 0, page: PageType = "home") -> PageRequest:
    table = snapshot.shop.items
    return PageRequest(
        visitor=VisitorId(f"a:{number}"),
        state=pack(random_state(Random(number), table.ids)),
        version=None,
        page=page,
        item=table.ids[number] if page == "product" else None,
        explained=True,
    )


def rows_of(decision: LayoutDecision) -> list[list[int]]:
    return [fill.rows for fill in decision.assembled]


def test_a_free_item_has_a_page() -> None:
    """Its price is no measure of others: nothing costs so many times as much."""
    free = [replace(item, price=0.0, stock=5) for item in random_items(Random(3), 20)]
    snapshot = build_snapshot(build_shop(build_items(free, {}, AT), built_at=AT), OddRanker())
    assert rows_of(decide(snapshot, [a_request(snapshot, 1, "product")], AT)[0])


def test_many_boosts_leave_an_order() -> None:
    """The product of their factors is no float32; the page is that of one boost."""
    table = build_items(random_items(Random(3), 60), {}, AT)
    match, pages = Match(items=table.ids[:20]), []
    for count in (5, 25):
        rules = [RuleDef(id=f"b{n:02}", action="boost", match=match, factor=100.0) for n in range(count)]
        snapshot = build_snapshot(build_shop(table, Storefront(rules=rules), built_at=AT))
        boost = page_rules(snapshot.shop.view.rules, "home", AT).boost
        assert boost is not None
        assert np.isfinite(boost).all()
        pages.append(rows_of(decide(snapshot, [a_request(snapshot)], AT)[0]))
    assert pages[0] == pages[1]


class HugeRanker(OddRanker):
    """Finite scores, nearly as large as a float32 can be."""

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.where(np.arange(len(features)) % 2, 3e38, -3e38).astype(np.float32)


def test_a_boost_of_huge_scores_leaves_an_order() -> None:
    table = build_items(random_items(Random(3), 60), {}, AT)
    rule = RuleDef(id="b", action="boost", match=Match(items=table.ids[:20]), factor=100.0)
    snapshot = build_snapshot(build_shop(table, Storefront(rules=[rule]), built_at=AT), HugeRanker())
    decision = decide(snapshot, [a_request(snapshot)], AT)[0]
    assert decision.evidence
    scored = decision.evidence.candidates.rows, decision.evidence.scores
    scores = dict(zip(*(column.tolist() for column in scored), strict=True))
    assert min(scores[row] for row in rows_of(decision)[0]) > 0


def test_shops_of_long_ago_are_forgotten() -> None:
    """Each run is smaller than the one before, so that not all of its pages are begun again."""
    tables = []
    for size in range(6, 0, -1):
        snapshot = random_snapshot(Random(size), 20)
        tables.append(weakref.ref(snapshot.shop.items.co_viewed))
        decide(snapshot, [a_request(snapshot, number) for number in range(size)], AT)
    del snapshot
    gc.collect()
    assert [table() is None for table in tables] == [True] * 6


class Hoarder(Source):
    """A source that proposes to pages of which it was asked before, too."""

    def __init__(self) -> None:
        Source.__init__(self, "hoarder")
        self.visits: list[Visit] = []
        self.refused = 0

    def propose(self, visit: Visit) -> None:
        self.visits.append(visit)
        for earlier in self.visits[:-1]:
            for row in range(300):
                try:
                    earlier.add(row)
                except ValueError:
                    self.refused += 1


def test_a_page_that_was_proposed_for_takes_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot, hoarder = random_snapshot(Random(7), 300), Hoarder()
    requests = [a_request(snapshot, number) for number in range(3)]
    expected = [rows_of(one) for one in decide(snapshot, requests, AT)]
    monkeypatch.setitem(SOURCES, "hoarder", hoarder)
    decided = decide(snapshot, requests, AT)
    assert [rows_of(one) for one in decided] == expected
    for one in decided:
        assert one.evidence
        assert len(one.evidence.candidates.rows) == len(one.evidence.scores)
    assert hoarder.refused == 3 * 300


def test_a_visit_without_a_page_takes_no_rows() -> None:
    with pytest.raises(ValueError, match="while no source is asked"):
        Visit().add(3)
    with pytest.raises(ValueError, match="without a page"):
        propose_candidates(Visit(), 5)


class OneScore(OddRanker):
    """A ranker that breaks its contract."""

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.zeros(1, np.float32)


@pytest.mark.parametrize("strangers", [0, 1])
def test_a_ranker_with_too_few_scores_has_failed(strangers: int) -> None:
    """Else what stands behind its scores in memory would be scores, or one score that of all."""
    snapshot = build_snapshot(random_snapshot(Random(5), 300).shop, OneScore())
    requests = [a_request(snapshot, number) for number in (1, 2)]
    requests += [replace(requests[0], state=b"")] * strangers
    decided = decide(snapshot, requests, AT)
    assert [one.fills.provenance.reason for one in decided][:2] == ["model_failed"] * 2


class LateBounds(OddRanker):
    """A ranker whose bounds cannot be read the first time."""

    def __init__(self) -> None:
        self.asked = 0

    @property
    def bounds(self) -> Bounds:  # type: ignore[override]  # read-only here, a plain attribute there
        self.asked += 1
        if self.asked == 2:  # of `bounds is not None`, `bounds.low` and `bounds.high`
            raise OSError("no bounds yet")
        return Bounds(np.full(len(NAMES), -0.01, np.float32), np.full(len(NAMES), 0.01, np.float32))


def test_bounds_that_could_not_be_read_are_read_again() -> None:
    shop, ranker, run = random_snapshot(Random(5), 300).shop, LateBounds(), PageRun()
    snapshot = build_snapshot(shop, ranker)
    requests = [a_request(snapshot, number) for number in (1, 2)]
    with pytest.raises(OSError, match="no bounds yet"):
        run.decide(snapshot, requests, AT)
    unbounded = PageRun().decide(build_snapshot(shop, OddRanker()), requests, AT)
    expected = [one.body() for one in PageRun().decide(snapshot, requests, AT)]
    assert [one.body() for one in run.decide(snapshot, requests, AT)] == expected
    assert expected != [one.body() for one in unbounded]


class Unmade(ModuleKind):
    """Forgets to call the constructor that gives it its pool."""

    def __init__(self) -> None:
        pass


def test_a_kind_without_a_pool_is_refused() -> None:
    view = random_snapshot(Random(2), 20).shop.view
    plan = view.storefront.pages["home"]
    with pytest.raises(TypeError, match=r"ModuleKind\.__init__"):
        PageColumns(plan, page_rules(view.rules, "home", AT), [Unmade() for _ in plan.modules])


def test_a_run_has_an_end() -> None:
    snapshot = random_snapshot(Random(2), 20)
    with pytest.raises(ValueError, match="more than 16 requests"):
        PageRun().decide(snapshot, [a_request(snapshot)] * (RUN_MAX + 1), AT)
