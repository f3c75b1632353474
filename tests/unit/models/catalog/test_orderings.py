"""Alternatives of an item: the nearest prices of its category."""

from __future__ import annotations

from models.catalog.table import ItemTable
from tests.unit.models.catalog.small_catalogue import ids


def test_alternatives_stay_in_the_category_and_in_stock(table: ItemTable) -> None:
    a, c, d = table.row_of("a"), table.row_of("c"), table.row_of("d")
    assert ids(table, table.step_up[a][table.step_up[a] >= 0]) == "bc"
    assert ids(table, table.better_priced[c][table.better_priced[c] >= 0]) == "ba"
    assert (table.step_up[d] == -1).all()
