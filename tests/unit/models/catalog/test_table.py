"""Look-ups in the item table: by id, by key, by category, by brand."""

from __future__ import annotations

from models.catalog.table import ItemTable
from schemas.ids import hash32, hash48
from tests.unit.models.catalog.small_catalogue import ids


def test_rows_are_sorted_by_id_and_found(table: ItemTable) -> None:
    assert table.ids == ["a", "b", "c", "d", "e"]
    assert (table.row_of("c"), table.row_of("nothing")) == (2, -1)
    assert [table.row_of_key(key) for key in (hash48("d"), 7)] == [3, -1]
    assert table.row_of_key(hash48("e")) == 4


def test_a_category_is_found_at_every_level(table: ItemTable) -> None:
    assert ids(table, table.rows_in_category(hash32("sneakers"))) == "acbe"
    assert ids(table, table.rows_in_category(hash32("shoes"))) == "acbde"
    assert ids(table, table.rows_in_category(hash32("hats"))) == ""
    assert ids(table, table.rows_of_brand(hash32("Acme"))) == "ac"
    assert table.category_name(hash32("shoes")) == "shoes"
    assert (table.brand_name(hash32("Zeta")), table.brand_name(1)) == ("Zeta", None)
