"""Item search: words in any form, and the shades of a plain colour."""

from __future__ import annotations

from models.catalog.build import build_items
from models.catalog.table import ItemTable
from schemas.ids import ItemId
from tests.unit.models.catalog.small_catalogue import AT, ids, item, signal


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
