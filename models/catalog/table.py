"""The item table: everything known of every item as columns, rows sorted by item id; immutable.

`build_items` makes one from the catalogue and the crowd signals, `with_signals` a newer one that shares
every array the signals did not touch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from models.catalog.orderings import (
    Coding,
    Groups,
    alternatives,
    best_first,
    build_coding,
    group_rows,
    rank_of,
)
from models.catalog.search import build_index, search_rows
from models.catalog.signal_columns import SignalColumns, build_columns, refresh_columns
from models.visitor.affinities import price_band
from schemas.catalog import Item
from schemas.ids import ItemId, hash32, hash48
from schemas.signals import Signal

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]
NEW_DAYS = 45.0


class ItemTable(Struct, frozen=True, eq=False, kw_only=True):
    """Columns over `n` items; a row is an item's index here and in every array of rows (-1: none)."""

    at: float
    """Epoch seconds of the snapshot: signals are decayed, and ages counted, to this moment."""
    n: int
    ids: list[str]
    items: list[Item]
    keys: NDArray[np.int64]
    row_by_id: Mapping[str, int]
    row_by_key: Mapping[int, int]

    categories: Coding
    brands: Coding
    colours: Coding
    families: Coding
    """The level above the finest category."""
    price: Floats
    list_price: Floats
    log_price: Floats
    price_band: NDArray[np.uint8]
    stock: Floats
    created_at: NDArray[np.float64]
    pairs: tuple[Rows, Rows, NDArray[np.uint32], Mapping[int, str]]
    """(row, code) of every category level an item stands in, hash32 of each code, and their names."""
    words: Mapping[str, Rows]
    step_up: Rows
    better_priced: Rows

    trend: Floats
    popularity: Floats
    carts: Floats
    purchases: Floats
    shares: Floats
    co_viewed: Rows
    """int32[n, CO_VIEWED_MAX], heaviest first; the weight is the share of the row's co-views, 0..1."""
    co_viewed_weight: Floats
    co_bought: Rows
    co_bought_weight: Floats

    by_popularity: Rows
    by_trend: Rows
    by_newness: Rows
    newcomers: Rows
    """The head of by_newness that is at most NEW_DAYS old at `at`."""
    popularity_order: Rows
    """Where each row stands in `by_popularity`."""
    category_rows: Groups
    brand_rows: Groups

    @property
    def category(self) -> Rows:
        return self.categories.column

    @property
    def category_hash(self) -> NDArray[np.uint32]:
        return self.categories.hashes[self.categories.column]

    @property
    def brand_hash(self) -> NDArray[np.uint32]:
        return self.brands.hashes[self.brands.column]

    @property
    def colour_hash(self) -> NDArray[np.uint32]:
        return self.colours.hashes[self.colours.column]

    def row_of(self, item_id: str) -> int:
        return self.row_by_id.get(item_id, -1)

    def row_of_key(self, key: int) -> int:
        return self.row_by_key.get(key, -1)

    def rows_of_keys(self, keys: Sequence[int] | NDArray[np.int64]) -> Rows:
        found = [self.row_by_key.get(int(key), -1) for key in keys]
        return np.array(found, np.int32)

    def rows_in_category(self, category: int) -> Rows:
        """Rows of a category at any level (hash32 of its name), most popular first."""
        return self.category_rows.get(category)

    def rows_of_brand(self, brand: int) -> Rows:
        return self.brand_rows.get(brand)

    def category_name(self, category: int) -> str | None:
        return self.pairs[3].get(category)

    def brand_name(self, brand: int) -> str | None:
        code = self.brands.of.get(brand, 0)
        return self.brands.names[code] if code else None

    def search(self, query: str, limit: int = 200) -> Rows:
        """Rows that carry most words of the query, the popular ones first."""
        return search_rows(self.words, self.popularity_order, query, limit)


def build_items(items: Iterable[Item], signals: Mapping[ItemId, Signal], at: float) -> ItemTable:
    """The table of a catalogue at a moment; of two items with one id the later one counts."""
    by_id = {item.item_id: item for item in items}
    ordered = [by_id[item_id] for item_id in sorted(by_id)]
    catalogue = _catalogue_columns(ordered)
    crowd = build_columns(signals, catalogue["row_by_id"], at)
    return _table(catalogue, crowd)


def with_signals(table: ItemTable, changed: Mapping[ItemId, Signal], at: float) -> ItemTable:
    """A newer snapshot: all signals decayed to `at`, those of `changed` replaced.

    Catalogue columns are shared; neighbours too when none of them changed.
    """
    crowd = refresh_columns(_crowd(table), changed, table.row_by_id, at)
    catalogue = {name: getattr(table, name) for name in _CATALOGUE_FIELDS}
    return _table(catalogue, crowd)


_CATALOGUE_FIELDS = (
    "n", "ids", "items", "keys", "row_by_id", "row_by_key", "categories", "brands", "colours", "families",
    "price", "list_price", "log_price", "price_band", "stock", "created_at", "pairs",
    "words", "step_up", "better_priced",
)  # fmt: skip


def _crowd(table: ItemTable) -> SignalColumns:
    return SignalColumns(**{name: getattr(table, name) for name in SignalColumns.__struct_fields__})


def _table(catalogue: Mapping[str, Any], crowd: SignalColumns) -> ItemTable:
    """Joins both halves and makes the orders and the feature block."""
    columns = {**catalogue, **{name: getattr(crowd, name) for name in SignalColumns.__struct_fields__}}
    none = np.empty(0, np.int32)
    bare = ItemTable(
        **columns,
        by_popularity=none,
        by_trend=none,
        by_newness=none,
        newcomers=none,
        popularity_order=none,
        category_rows=Groups(none, {}, {}),
        brand_rows=Groups(none, {}, {}),
    )
    buyable = bare.stock > 0
    by_popularity = best_first(buyable, bare.popularity, bare.created_at)
    rank = rank_of(by_popularity)
    pair_rows, pair_codes, pair_keys, _ = bare.pairs
    every = np.arange(bare.n, dtype=np.int32)
    by_newness = best_first(buyable, bare.created_at, -rank.astype(np.float32))
    fresh = bare.created_at[by_newness] > bare.at - NEW_DAYS * 86400.0
    return replace(
        bare,
        by_popularity=by_popularity,
        by_trend=best_first(buyable, bare.trend, -rank.astype(np.float32)),
        by_newness=by_newness,
        newcomers=by_newness[fresh],
        popularity_order=rank,
        category_rows=group_rows(pair_rows, pair_codes, pair_keys, rank),
        brand_rows=group_rows(every, bare.brands.column, bare.brands.hashes, rank),
    )


def _catalogue_columns(items: list[Item]) -> dict[str, Any]:
    """The half of the table that signals never touch."""
    ids: list[str] = [item.item_id for item in items]
    keys = [hash48(item_id) for item_id in ids]
    price = np.array([item.price for item in items], np.float32)
    listed = np.array([item.list_price or item.price for item in items], np.float32)
    stock = np.array([item.stock for item in items], np.float32)
    categories = build_coding([item.category for item in items])
    families = build_coding([item.categories[max(len(item.categories) - 2, 0)] for item in items])
    brands, colours = (
        build_coding([item.brand for item in items]),
        build_coding([item.colour for item in items]),
    )
    bands = np.array([price_band(item.price) for item in items], np.uint8)
    step_up, better = alternatives(categories.column, price, stock > 0)
    return {
        "n": len(items),
        "ids": ids,
        "items": items,
        "keys": np.array(keys, np.int64),
        "row_by_id": {item_id: row for row, item_id in enumerate(ids)},
        "row_by_key": {key: row for row, key in enumerate(keys)},
        "categories": categories,
        "brands": brands,
        "colours": colours,
        "families": families,
        "price": price,
        "list_price": np.maximum(listed, price),
        "log_price": np.log1p(price),
        "price_band": bands,
        "stock": stock,
        "created_at": np.array(
            [item.created_at.timestamp() if item.created_at else 0.0 for item in items], np.float64
        ),
        "pairs": _category_pairs(items),
        "words": build_index(items),
        "step_up": step_up,
        "better_priced": better,
    }


def _category_pairs(items: list[Item]) -> tuple[Rows, Rows, NDArray[np.uint32], Mapping[int, str]]:
    names = sorted({name for item in items for name in item.categories})
    codes = {name: code for code, name in enumerate(names, start=1)}
    pairs = [(row, codes[name]) for row, item in enumerate(items) for name in dict.fromkeys(item.categories)]
    table = np.array(pairs, np.int32).reshape(-1, 2)
    hashes = [hash32(name) for name in names]
    keys = np.array([0, *hashes], np.uint32)
    return table[:, 0].copy(), table[:, 1].copy(), keys, dict(zip(hashes, names, strict=True))
