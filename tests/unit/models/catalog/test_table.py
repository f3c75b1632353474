"""The item table: rows, orders, neighbours, sharing of what did not change, search."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from models.catalog.signal_aggregation import POPULARITY_HALF_LIFE, TREND_HALF_LIFE
from models.catalog.table import ItemTable, build_items, with_signals
from models.features.item import item_block
from schemas.catalog import Item
from schemas.ids import ItemId, hash32, hash48
from schemas.signals import Neighbour, Signal

NOW = datetime(2026, 1, 10, tzinfo=UTC)
AT = NOW.timestamp()


def item(item_id: str, price: float, kind: str = "sneakers", **more: object) -> Item:
    known: dict[str, object] = {
        "title": f"Nice {kind} {item_id}",
        "categories": ["women", "shoes", kind],
        "created_at": NOW - timedelta(days=int(price)),
    }
    return Item(item_id=item_id, price=price, **{**known, **more})  # type: ignore[arg-type]


def signal(item_id: str, **more: object) -> Signal:
    return Signal(item_id=ItemId(item_id), at=AT, delta_offset=0, **more)  # type: ignore[arg-type]


CATALOGUE = [
    item("c", 50, brand="Acme"),
    item("a", 20, brand="Acme", colour="red"),
    item("b", 30),
    item("d", 60, "boots", brand="Zeta"),
    item("e", 40, stock=0),
]
SIGNALS = {
    ItemId("a"): signal("a", trend=4.0, popularity=9.0, co_viewed=[Neighbour(ItemId("c"), 3.0)]),
    ItemId("c"): signal("c", trend=8.0, popularity=5.0, co_bought=[Neighbour(ItemId("gone"), 3.0)]),
    ItemId("e"): signal("e", trend=99.0, popularity=99.0),
    ItemId("gone"): signal("gone", trend=99.0),
}


@pytest.fixture
def table() -> ItemTable:
    return build_items(CATALOGUE, SIGNALS, AT)


def ids(table: ItemTable, rows: np.ndarray[tuple[int, ...], np.dtype[np.int32]]) -> str:
    return "".join(table.ids[row] for row in rows)


def test_rows_are_sorted_by_id_and_found(table: ItemTable) -> None:
    assert table.ids == ["a", "b", "c", "d", "e"]
    assert (table.row_of("c"), table.row_of("nothing")) == (2, -1)
    assert table.rows_of_keys([hash48("d"), 7]).tolist() == [3, -1]
    assert table.row_of_key(hash48("e")) == 4


def test_orders_put_what_cannot_be_bought_last(table: ItemTable) -> None:
    assert ids(table, table.by_popularity) == "acbde"
    assert ids(table, table.by_trend) == "cabde"
    assert ids(table, table.by_newness) == "abcde"


def test_a_category_is_found_at_every_level(table: ItemTable) -> None:
    assert ids(table, table.rows_in_category(hash32("sneakers"))) == "acbe"
    assert ids(table, table.rows_in_category(hash32("shoes"))) == "acbde"
    assert ids(table, table.rows_in_category(hash32("hats"))) == ""
    assert ids(table, table.rows_of_brand(hash32("Acme"))) == "ac"
    assert table.category_name(hash32("shoes")) == "shoes"
    assert (table.brand_name(hash32("Zeta")), table.brand_name(1)) == ("Zeta", None)


def test_neighbours_are_rows_with_shares(table: ItemTable) -> None:
    assert table.co_viewed[0, :2].tolist() == [2, -1]
    assert table.co_viewed_weight[0, 0] == pytest.approx(3 / 7)
    assert (table.co_bought == -1).all()


def test_alternatives_stay_in_the_category_and_in_stock(table: ItemTable) -> None:
    a, c, d = table.row_of("a"), table.row_of("c"), table.row_of("d")
    assert ids(table, table.step_up[a][table.step_up[a] >= 0]) == "bc"
    assert ids(table, table.better_priced[c][table.better_priced[c] >= 0]) == "ba"
    assert (table.step_up[d] == -1).all()


def test_signals_replace_decay_and_share(table: ItemTable) -> None:
    later = AT + TREND_HALF_LIFE
    changed = {ItemId("b"): Signal(item_id=ItemId("b"), at=later, delta_offset=1, trend=5.0, popularity=5.0)}
    newer = with_signals(table, changed, later)
    assert newer.trend.tolist() == pytest.approx([2.0, 5.0, 4.0, 0.0, 49.5])
    keep = 0.5 ** (TREND_HALF_LIFE / POPULARITY_HALF_LIFE)
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


def test_search_finds_words_in_any_form(table: ItemTable) -> None:
    assert ids(table, table.search("Sneaker")) == "acbe"
    assert ids(table, table.search("acme RED sneakers"))[0] == "a"
    assert ids(table, table.search("zeta")) == "d"
    assert ids(table, table.search("nothing like it xyz")) == ""
    assert ids(table, table.search("%%% \ud800")) == ""


def test_a_plain_colour_finds_its_shades_first() -> None:
    lamps = [item("w", 1, "lamps", colour="white"), item("n", 2, "lamps", colour="Navy")]
    bags = [item("s", 3, "bags", colour="sky")]
    table = build_items([*lamps, *bags], {ItemId("w"): signal("w", popularity=9.0)}, AT)
    assert ids(table, table.search("blue lamp"))[0] == "n"
    assert set(ids(table, table.search("blue"))) == {"n", "s"}
    assert ids(table, table.search("navy")) == "n"


def test_an_empty_catalogue_is_a_table() -> None:
    table = build_items([], {}, AT)
    assert (table.n, len(table.by_popularity), len(item_block(table))) == (0, 0, 0)


def test_the_later_of_two_items_with_one_id_counts() -> None:
    table = build_items([item("a", 1), item("a", 2)], {}, AT)
    assert (table.n, float(table.price[0])) == (1, 2.0)
