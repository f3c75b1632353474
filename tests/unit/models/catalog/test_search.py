"""Item search: words in any form, and the shades of a plain colour."""

from __future__ import annotations

from random import Random

import pytest

from models.catalog.build import build_items
from models.catalog.search import WORDS_MAX, tokenise
from models.catalog.table import ItemTable
from schemas.ids import ItemId
from tests.unit.models.catalog.small_catalogue import AT, ids, item, signal
from tests.unit.models.random_shops import random_table


def test_search_finds_words_in_any_form(table: ItemTable) -> None:
    assert ids(table, table.search("Sneaker").rows) == "acbe"
    assert ids(table, table.search("acme RED sneakers").rows)[0] == "a"
    assert ids(table, table.search("zeta").rows) == "d"
    assert ids(table, table.search("nothing like it xyz").rows) == ""
    assert ids(table, table.search("%%% \ud800").rows) == ""


def test_a_plain_colour_finds_its_shades_first() -> None:
    lamps = [item("w", 1, "lamps", colour="white"), item("n", 2, "lamps", colour="Navy")]
    bags = [item("s", 3, "bags", colour="sky")]
    table = build_items([*lamps, *bags], {ItemId("w"): signal("w", popularity=9.0)}, AT)
    assert ids(table, table.search("blue lamp").rows)[0] == "n"
    assert set(ids(table, table.search("blue").rows)) == {"n", "s"}
    assert ids(table, table.search("navy").rows) == "n"


@pytest.mark.parametrize("limit", [1, 7, 40, 500])
@pytest.mark.parametrize(
    "query", ["thing", "kind red", "thing 12 shoes", "nothing", "thing thing", "12 13 250 13"]
)
def test_rows_are_those_with_most_words_and_then_the_popular_ones(query: str, limit: int) -> None:
    table = random_table(Random(6), 300)
    words = set(tokenise(query)[:WORDS_MAX])
    carried = {row: sum(row in table.words.get(word, ()) for word in words) for row in range(table.n)}
    expected = sorted(
        filter(carried.get, carried), key=lambda row: (-carried[row], table.popularity_rank[row])
    )
    found = table.search(query, limit)
    assert found.rows.tolist() == expected[:limit]
    assert found.word_counts.tolist() == [carried[row] for row in expected[:limit]]


def test_only_the_first_words_of_a_pasted_page_count() -> None:
    table = random_table(Random(6), 50)
    page = " ".join(f"unknown{number}" for number in range(WORDS_MAX))
    assert table.search(f"{page} thing").rows.tolist() == []
    assert len(table.search(f"{page[: page.rindex(' ')]} thing").rows) == 50
