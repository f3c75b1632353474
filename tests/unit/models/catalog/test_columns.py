"""Typed columns are the columns of the table, found by the same keys."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from models.catalog.build import build_items, with_signals
from models.catalog.columns import Columns
from models.catalog.table import ItemTable
from schemas.ids import ItemId, hash32, hash48
from schemas.signals import Signal
from tests.both_builds import Build, both_builds
from tests.unit.models.random_shops import AT, BRANDS, KINDS, random_table

TABLE = random_table(Random(8), 80)
SAME = (
    "n", "price", "list_price", "log_price", "category", "popularity_rank", "by_popularity", "by_trend",
    "by_newness", "newcomers", "co_viewed", "co_viewed_weight", "co_bought", "co_bought_weight",
    "better_priced", "step_up",
)  # fmt: skip


@both_builds
def test_columns_are_those_of_the_table(build: Build) -> None:
    columns = build("models.catalog.columns").Columns(TABLE)
    for name in SAME:
        assert np.array_equal(getattr(columns, name), getattr(TABLE, name)), name
    assert np.array_equal(columns.brand, TABLE.brands.column)
    assert np.array_equal(columns.category_hashes, TABLE.categories.hashes)


@both_builds
def test_keys_lead_to_rows_codes_and_groups(build: Build) -> None:
    columns = build("models.catalog.columns").Columns(TABLE)
    assert [columns.row(hash48(item_id)) for item_id in (*TABLE.ids, "gone")] == [*range(TABLE.n), -1]
    for name in ("shoes", "home", *KINDS):
        assert columns.names.find(hash32(name)) >= 0
        code = TABLE.categories.code_by_hash.get(hash32(name), -1)
        assert columns.category_code_by_hash.find(hash32(name)) == code
        assert group(columns, "category", hash32(name)) == TABLE.rows_in_category(hash32(name)).tolist()
    for brand in filter(None, BRANDS):
        assert group(columns, "brand", hash32(brand)) == TABLE.rows_of_brand(hash32(brand)).tolist()
    assert columns.names.find(hash32("hats")) == columns.brand_groups.find(hash32("none")) == -1


def group(columns: Columns, of: str, key: int) -> list[int]:
    number = getattr(columns, f"{of}_groups").find(key)
    start, end = np.asarray(getattr(columns, f"{of}_edges"))[number].tolist()
    return list(getattr(columns, f"{of}_rows")[start:end])


def test_they_are_made_once_a_table_and_copy_nothing() -> None:
    assert TABLE.columns is TABLE.columns
    for name in SAME[1:]:
        assert np.shares_memory(np.asarray(getattr(TABLE.columns, name)), getattr(TABLE, name)), name


def test_a_table_of_newer_signals_shares_the_keys() -> None:
    first = ItemId(TABLE.ids[0])
    newer = with_signals(TABLE, {first: Signal(item_id=first, at=AT, delta_offset=2, popularity=9e9)}, AT)
    assert newer.keys is TABLE.keys
    assert newer.columns is not TABLE.columns
    assert newer.columns.by_popularity[0] == int(newer.by_popularity[0])


@pytest.mark.parametrize("table", [build_items([], {}, AT)])
@both_builds
def test_an_empty_table_has_empty_columns(build: Build, table: ItemTable) -> None:
    columns = build("models.catalog.columns").Columns(table)
    assert (columns.n, len(columns.price), columns.row(hash48("i0001"))) == (0, 0, -1)
