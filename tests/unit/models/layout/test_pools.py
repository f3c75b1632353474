"""Pools hold what their kinds show, best first."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from models.catalog.table import ItemTable
from models.layout.context import PageContext, build_context
from models.layout.kinds.kind import Pool
from models.layout.kinds.personal import EVERYTHING
from models.layout.kinds.registry import kind_of, used_pools
from models.layout.kinds.related import SIMILAR
from models.layout.pools import LEAD_RANK, CandidatePools, build_pools
from models.policy.layout_decision import PageRequest
from models.policy.scoring import score_contexts
from models.policy.snapshot import build_snapshot
from models.storefront.shop import Shop, build_shop
from schemas.ids import VisitorId
from schemas.storefront import PAGE_ORDER, Match, PageType, RuleDef, Storefront
from tests.unit.models.random_shops import AT, OddRanker, random_snapshot, random_state, random_table

SHOP = random_snapshot(Random(21), 300, rules=False).shop
TABLE: ItemTable = SHOP.items


def context(shop: Shop, seed: int, page: PageType = "home") -> PageContext:
    state = random_state(Random(seed), shop.items.ids)
    request = PageRequest(
        visitor=VisitorId("a:v"), state=state, version=None, page=page, category="mugs", q="thing 12"
    )
    return build_context(shop, request, AT)


def shown_pools(page: PageContext) -> list[Pool]:
    """The pools that the modules of a page show."""
    return list({kind_of(module).pool.name: kind_of(module).pool for module in page.plan.modules}.values())


def pools_of_contexts(shop: Shop, *contexts: PageContext) -> list[CandidatePools]:
    scores = [scored.scores for scored in score_contexts(build_snapshot(shop, OddRanker()), contexts, AT)]
    return list(build_pools(shop.items, contexts, scores, used_pools(contexts)))


@pytest.mark.parametrize("seed", range(6))
def test_every_pool_holds_what_its_kind_shows(seed: int) -> None:
    one = context(SHOP, seed)
    pools = pools_of_contexts(SHOP, one)[0]
    rows = {pool.name: pools.of(pool) for pool in shown_pools(one)}
    assert {name: len(found) for name, found in rows.items()} == pools.counts
    kinds = [item.category for item in TABLE.items]
    focus = SHOP.view.category_names.get(one.focus_category)
    assert {kinds[row] for row in rows["category"]} <= {focus}
    assert focus not in {kinds[row] for row in rows["other"]}
    assert all(TABLE.price[row] < TABLE.list_price[row] for row in rows["reduced"])
    if one.anchor_row >= 0:
        near = TABLE.co_viewed[one.anchor_row].tolist()
        assert all(kinds[row] == kinds[one.anchor_row] or row in near for row in rows["similar"])
        assert all(TABLE.price[row] > 1.1 * TABLE.price[one.anchor_row] for row in rows["step_up"])
        assert all(TABLE.price[row] < 0.95 * TABLE.price[one.anchor_row] for row in rows["better_price"])
    assert all(TABLE.stock[row] > 0 for name in rows for row in rows[name])
    assert rows["trending"]
    assert rows["popular"]


def test_best_first_and_equal_ones_by_id() -> None:
    one = context(SHOP, 3)
    equal = [np.zeros(len(one.candidates.rows), np.float32)]
    page_pools = next(build_pools(TABLE, [one], equal, used_pools([one])))
    assert page_pools.of(EVERYTHING) == sorted(page_pools.of(EVERYTHING))
    page_pools = pools_of_contexts(SHOP, one)[0]
    for pool in shown_pools(one):
        name, rows = pool.name, page_pools.of(pool)
        if pool.own is None:
            scores = page_pools.scores
            assert not rows or page_pools.lead_scores[name] == scores[rows[0]] + scores[rows[:LEAD_RANK][-1]]
            own = TABLE.category[one.anchor_row]
            keys = [(name == "similar" and TABLE.category[row] != own, -scores[row], row) for row in rows]
            assert keys == sorted(keys), name


def test_co_viewed_items_come_after_those_of_the_same_category() -> None:
    mixed = 0
    for seed in range(8):
        one = context(SHOP, seed)
        if one.anchor_row >= 0:
            own = TABLE.category[one.anchor_row]
            others = [bool(TABLE.category[row] != own) for row in pools_of_contexts(SHOP, one)[0].of(SIMILAR)]
            assert others == sorted(others)
            mixed += any(others) and not all(others)
    assert mixed


def test_scores_are_standardised() -> None:
    values = np.array(list(pools_of_contexts(SHOP, context(SHOP, 2))[0].scores.values()))
    assert (values.mean(), values.std()) == (pytest.approx(0, abs=1e-3), pytest.approx(1, abs=1e-3))


def test_pages_do_not_mix() -> None:
    contexts = [context(SHOP, seed, page) for seed, page in enumerate(PAGE_ORDER)]
    for one, together in zip(contexts, pools_of_contexts(SHOP, *contexts), strict=True):
        alone = pools_of_contexts(SHOP, one)[0]
        for module in one.plan.modules:
            pool = kind_of(module).pool
            assert together.of(pool) == alone.of(pool), (one.plan.page, module.id)


def test_a_boost_counts_from_the_lowest_score() -> None:
    table = random_table(Random(9), 50)
    item = next(row for row in range(50) if table.stock[row] > 0)
    rule = RuleDef(id="b", action="boost", match=Match(items=[table.ids[item]]), factor=0.0)
    shop = build_shop(table, Storefront(rules=[rule]))
    rows = pools_of_contexts(shop, context(shop, 1))[0].of(EVERYTHING)
    values = pools_of_contexts(shop, context(shop, 1))[0].scores
    assert item in rows
    assert values[item] == min(values.values())
