"""Building item tables: orders, neighbours, and sharing of what did not change."""

from __future__ import annotations

import numpy as np
import pytest

from models.catalog.build import build_items, with_signals
from models.catalog.signals.aggregation import POPULARITY_HALF_LIFE_S, TREND_HALF_LIFE_S
from models.catalog.table import ItemTable
from models.features.item import item_block
from schemas.ids import ItemId
from schemas.signals import Neighbour, Signal
from tests.unit.models.catalog.small_catalogue import AT, CATALOGUE, SIGNALS, ids, item, signal


def test_orders_put_what_cannot_be_bought_last(table: ItemTable) -> None:
    assert ids(table, table.by_popularity) == "acbde"
    assert ids(table, table.by_trend) == "cabde"
    assert ids(table, table.by_newness) == "abcde"


def test_neighbours_are_rows_with_shares(table: ItemTable) -> None:
    assert table.co_viewed[0, :2].tolist() == [2, -1]
    assert table.co_viewed_weight[0, 0] == pytest.approx(3 / 7)
    assert (table.co_bought == -1).all()


@pytest.mark.parametrize(("known", "width"), [(0, 8), (7, 8), (8, 8), (9, 16), (50, 50), (60, 50)])
def test_neighbour_columns_are_as_wide_as_the_lists_of_known_items(known: int, width: int) -> None:
    catalogue = [item(f"i{number:02}", 10) for number in range(61)]
    near = [Neighbour(ItemId(f"i{number:02}"), 100.0 - number) for number in range(1, known + 1)]
    near += [Neighbour(ItemId(f"gone{number}"), 1.0) for number in range(70)]
    changed = {ItemId("i00"): signal("i00", co_viewed=near)}
    once = build_items(catalogue, changed, AT)
    assert once.co_viewed.shape == once.co_viewed_weight.shape == (61, width)
    assert once.co_viewed[0].tolist() == [*range(1, min(known, 50) + 1), *[-1] * (width - known)]
    assert (once.co_viewed[1:] == -1).all()
    stepwise = with_signals(build_items(catalogue, {}, AT), changed, AT)
    assert np.array_equal(stepwise.co_viewed, once.co_viewed)
    assert np.array_equal(stepwise.co_viewed_weight, once.co_viewed_weight)


def test_a_list_that_became_shorter_leaves_nothing_behind() -> None:
    """The columns keep their width until the next build of the whole table."""
    catalogue = [item(f"i{number:02}", 10) for number in range(61)]
    near = [Neighbour(ItemId(f"i{number:02}"), 9.0) for number in range(1, 61)]
    long = build_items(catalogue, {ItemId("i00"): signal("i00", co_viewed=near, co_bought=near)}, AT)
    short = {ItemId("i00"): signal("i00", co_viewed=near[:2], co_bought=near[:1])}
    shorter, once = with_signals(long, short, AT), build_items(catalogue, short, AT)
    for name in ("co_viewed", "co_viewed_weight", "co_bought", "co_bought_weight"):
        kept, fresh = getattr(shorter, name), getattr(once, name)
        assert (kept.shape[1], fresh.shape[1]) == (50 if "viewed" in name else 20, 8)
        assert np.array_equal(kept[:, :8], fresh)
        assert (kept[:, 8:] == kept[1, -1]).all()


def test_signals_replace_decay_and_share(table: ItemTable) -> None:
    later = AT + TREND_HALF_LIFE_S
    changed = {ItemId("b"): Signal(item_id=ItemId("b"), at=later, delta_offset=1, trend=5.0, popularity=5.0)}
    newer = with_signals(table, changed, later)
    assert newer.trend.tolist() == pytest.approx([2.0, 5.0, 4.0, 0.0, 49.5])
    keep = 0.5 ** (TREND_HALF_LIFE_S / POPULARITY_HALF_LIFE_S)
    assert newer.popularity[0] == pytest.approx(9 * keep)
    assert ids(newer, newer.by_trend) == "bcade"
    for shared in ("price", "words", "step_up", "co_viewed", "row_by_id", "created_at"):
        assert getattr(newer, shared) is getattr(table, shared)
    assert table.trend[1] == 0.0


def test_one_build_equals_many_steps() -> None:
    stepwise = build_items(CATALOGUE, {}, AT)
    for one in SIGNALS.values():
        stepwise = with_signals(stepwise, {one.item_id: one}, AT)
    once = build_items(CATALOGUE, SIGNALS, AT)
    assert np.array_equal(item_block(stepwise), item_block(once))
    assert np.array_equal(stepwise.co_viewed_weight, once.co_viewed_weight)
    assert stepwise.by_trend.tolist() == once.by_trend.tolist()


def test_an_empty_catalogue_is_a_table() -> None:
    table = build_items([], {}, AT)
    assert (table.n, len(table.by_popularity), len(item_block(table))) == (0, 0, 0)


def test_the_later_of_two_items_with_one_id_counts() -> None:
    table = build_items([item("a", 1), item("a", 2)], {}, AT)
    assert (table.n, float(table.price[0])) == (1, 2.0)
