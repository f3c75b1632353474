"""Pools hold what their kinds show, best first."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest

from models.candidates.sources import SUBJECT_ROWS
from models.catalog.table import ItemTable
from models.layout.context import PageContext
from models.layout.kinds.candidates import LEAD_RANK, POOL_CAPACITY, ScoredCandidates
from models.layout.kinds.listing import RANKS_PER_SCORE
from models.layout.kinds.personal import EVERYTHING
from models.layout.kinds.registry import KINDS
from models.layout.pools import (
    _KEY_OF_MEAN,
    DIGIT_BITS,
    DIGIT_MAX,
    DIGITS,
    INDEX_BITS,
    INDEX_MAX,
    SCORE_STEPS,
    PoolBuilder,
)
from models.storefront.shop import Shop, build_shop
from schemas.storefront import PAGE_ORDER, Match, PageType, RuleDef, Storefront
from tests.unit.models.page_contexts import PagePools, begin_page, collect_pools, score_pages
from tests.unit.models.random_shops import random_snapshot, random_state, random_table

SHOP = random_snapshot(Random(21), 300, rules=False).shop
TABLE: ItemTable = SHOP.items
OWN = {kind.pool.name for kind in KINDS.values() if kind.known}
"""Pools of what the visitor knows, in the visitor's order."""


def context(shop: Shop, seed: int, page: PageType = "home") -> PageContext:
    return begin_page(shop, random_state(Random(seed), shop.items.ids), page)


def pools_of_contexts(shop: Shop, *contexts: PageContext) -> list[PagePools]:
    return collect_pools(contexts, score_pages(shop, contexts))


@pytest.mark.parametrize("seed", range(6))
def test_every_pool_holds_what_its_kind_shows(seed: int) -> None:
    one = context(SHOP, seed)
    pools = pools_of_contexts(SHOP, one)[0]
    rows = pools.rows
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
    assert all(len(set(found)) == len(found) for found in rows.values())
    assert all(set(found) <= set(pools.scores) for name, found in rows.items() if name not in OWN)
    assert rows["trending"]
    assert rows["popular"]


def test_best_first_and_equal_ones_by_id() -> None:
    one = context(SHOP, 3)
    (page_pools,) = collect_pools([one], [np.zeros(one.visit.count, np.float32)])
    assert page_pools.of(EVERYTHING) == sorted(page_pools.of(EVERYTHING))
    assert set(page_pools.scores.values()) == {0.0}
    page_pools = pools_of_contexts(SHOP, one)[0]
    for name, rows in page_pools.rows.items():
        if name not in OWN:
            scores = page_pools.scores
            lead = scores[rows[0]] + scores[rows[:LEAD_RANK][-1]] if rows else 0.0
            assert page_pools.lead_scores[name] == lead
            own = TABLE.category[one.anchor_row]
            keys = [(name == "similar" and TABLE.category[row] != own, -scores[row], row) for row in rows]
            assert keys == sorted(keys), name


@pytest.mark.parametrize("step", [1.0, -1.0, 0.37, 1e30])
def test_many_candidates_are_sorted(step: float) -> None:
    """Rising, falling and mixed scores, some equal, and the furthest a score can be from the mean."""
    one = context(SHOP, 3)
    scores = np.round(np.arange(one.visit.count) * step % 40, 1).astype(np.float32)
    if step > 1:  # one far from all others
        scores = np.where(np.arange(one.visit.count) == 7, np.float32(step), np.float32(0))
    (pools,) = collect_pools([one], [scores])
    score_by_row = dict(zip(np.asarray(one.visit.rows).tolist(), scores.tolist(), strict=False))
    expected = sorted(pools.scores, key=lambda row: (-score_by_row[row], row))
    assert pools.of(EVERYTHING) == list(pools.scores) == expected


def test_co_viewed_items_come_after_those_of_the_same_category() -> None:
    mixed = 0
    for seed in range(8):
        one = context(SHOP, seed)
        if one.anchor_row >= 0:
            own = TABLE.category[one.anchor_row]
            similar = pools_of_contexts(SHOP, one)[0].rows["similar"]
            others = [bool(TABLE.category[row] != own) for row in similar]
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
        assert together == alone, one.page.page
        assert list(together.rows) == [pool.name for pool in one.page.pools]


def test_a_boost_counts_from_the_lowest_score() -> None:
    table = random_table(Random(9), 50)
    item = next(row for row in range(50) if table.stock[row] > 0)
    rule = RuleDef(id="b", action="boost", match=Match(items=[table.ids[item]]), factor=0.0)
    shop = build_shop(table, Storefront(rules=[rule]))
    rows = pools_of_contexts(shop, context(shop, 1))[0].of(EVERYTHING)
    values = pools_of_contexts(shop, context(shop, 1))[0].scores
    assert item in rows
    assert values[item] == min(values.values())


def test_what_a_pool_asks_for_is_checked() -> None:
    """A pool may be ordinary Python; compiled code behind it does not look again."""
    one, found = context(SHOP, 3), ScoredCandidates()
    PoolBuilder().build(one, score_pages(SHOP, [one])[0].data, 0, found)
    for index in (-1, found.count, 1 << 30):
        with pytest.raises(IndexError, match=f"{index} is none of {found.count} candidates"):
            found.add(index)
    for row in (-1, TABLE.n, 1 << 30):
        with pytest.raises(IndexError, match=f"{row} is no row of {TABLE.n} items"):
            found.add_row(row)


def test_sort_keys_have_room_for_every_candidate_and_score() -> None:
    """Of m values none is further from their mean than the root of m deviations."""
    furthest = math.sqrt(POOL_CAPACITY) * SCORE_STEPS
    assert INDEX_MAX == (1 << INDEX_BITS) - 1
    assert POOL_CAPACITY <= INDEX_MAX + 1
    assert furthest < _KEY_OF_MEAN
    assert _KEY_OF_MEAN + furthest < 1 << DIGITS * DIGIT_BITS
    assert DIGITS * DIGIT_BITS + INDEX_BITS <= 31
    assert DIGIT_MAX == (1 << DIGIT_BITS) - 1


@pytest.mark.parametrize("shape", ["mixed", "rising", "one far above", "one far below", "equal"])
def test_a_page_of_as_many_candidates_as_fit_is_sorted(shape: str) -> None:
    shop, rng = random_snapshot(Random(4), 900, rules=False).shop, np.random.default_rng(5)
    one = context(shop, 3)
    allowed = np.flatnonzero(one.page.allowed)
    rows = np.sort(rng.choice(allowed, POOL_CAPACITY, replace=False)).astype(np.int32)
    one.visit.give(rows.data, np.zeros(POOL_CAPACITY, np.uint64).data, -1)
    spike = np.arange(POOL_CAPACITY) == POOL_CAPACITY - 1
    scores = {
        "mixed": rng.normal(0, 1, POOL_CAPACITY).round(1),
        "rising": np.arange(POOL_CAPACITY),
        "one far above": spike * 1e30,
        "one far below": spike * -1e30,
        "equal": spike * 0,
    }[shape].astype(np.float32)
    (pools,) = collect_pools([one], [scores])
    assert list(pools.scores) == rows[np.lexsort((rows, -scores))].tolist()


@pytest.mark.parametrize("seed", range(8))
def test_results_are_what_the_search_proposed_by_words_rank_and_score(seed: int) -> None:
    """More match than the search proposes: what another source proposed of the others is no result."""
    one = context(SHOP, seed, "search")
    pools = pools_of_contexts(SHOP, one)[0]
    matches = SHOP.items.search("thing 12")
    proposed = matches.rows[:SUBJECT_ROWS].tolist()
    assert set(matches.rows[SUBJECT_ROWS:].tolist()) & pools.scores.keys()
    keys = {
        row: (-words, rank / RANKS_PER_SCORE - pools.scores[row], row)
        for rank, (row, words) in enumerate(zip(proposed, matches.word_counts.tolist(), strict=False))
        if row in pools.scores
    }
    assert pools.rows["results"] == sorted(keys, key=keys.__getitem__)


def test_word_counts_are_those_of_the_page_rows() -> None:
    """Compiled code reads one for each."""
    one = context(SHOP, 3, "search")
    few = np.asarray(one.word_counts)[:-1].copy()
    with pytest.raises(ValueError, match=f"{len(few)} word counts for {len(few) + 1} page rows"):
        one.begin(one.visit, one.page, 0, "thing 12", few.data)


def test_a_pool_that_is_full_takes_no_more() -> None:
    one, found = context(SHOP, 3), ScoredCandidates()
    PoolBuilder().build(one, score_pages(SHOP, [one])[0].data, 0, found)
    last = len(one.page.pools) - 1
    for _ in range(POOL_CAPACITY + 10):
        found.add_row(7)
    assert found.sizes[last] == POOL_CAPACITY
