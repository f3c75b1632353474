"""Builds item tables: a whole one from a catalogue and its signals, a newer one from changed signals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from models.catalog.key_index import KeyIndex
from models.catalog.orderings import (
    Groups,
    encode_labels,
    find_alternatives,
    group_rows,
    order_best_first,
    rank_rows,
)
from models.catalog.search import build_index
from models.catalog.signals.columns import SignalColumns, build_columns, refresh_columns
from models.catalog.table import CatalogueKeys, ItemTable, Rows
from models.visitor.affinities import price_band
from schemas.catalog import Item
from schemas.ids import ItemId, hash32, hash48
from schemas.signals import Signal

NEW_DAYS = 45.0
"""Age up to which an item is a newcomer. Own choice, not tuned."""


def build_items(items: Iterable[Item], signals: Mapping[ItemId, Signal], at: float) -> ItemTable:
    """Builds the table of a catalogue.

    Args:
        items: The catalogue; of two items with one id the later one counts.
        signals: Crowd signals by item id; those of unknown items are left out.
        at: Epoch seconds of the snapshot: signals are decayed, and ages counted, to this moment.

    Returns:
        A table whose rows are sorted by item id. An empty catalogue gives a table of no rows.

    Complexity: O(n log n) for n items.
    """
    by_id = {item.item_id: item for item in items}
    ordered = [by_id[item_id] for item_id in sorted(by_id)]
    catalogue = _catalogue_columns(ordered)
    signal_columns = build_columns(signals, catalogue["row_by_id"], at)
    return _join_columns(catalogue, signal_columns)


def with_signals(table: ItemTable, changed: Mapping[ItemId, Signal], at: float) -> ItemTable:
    """Builds a newer snapshot from changed signals.

    Args:
        table: The snapshot before; it is not changed.
        changed: The signals to replace, by item id; those of unknown items are left out.
        at: Epoch seconds to which all signals are decayed; a moment before `table.at` decays nothing.

    Returns:
        A table equal to one built anew from the same items and signals, up to rounding. Catalogue columns
        are the very arrays of `table`; neighbour columns too when none of them changed.

    Complexity: O(n log n) for the orders of n items; no pass over titles or texts.
    """
    signal_columns = refresh_columns(_signal_columns(table), changed, table.row_by_id, at)
    catalogue = {name: getattr(table, name) for name in _CATALOGUE_FIELDS}
    return _join_columns(catalogue, signal_columns)


_CATALOGUE_FIELDS = (
    "n", "ids", "items", "row_by_id", "row_by_key", "keys", "categories", "brands", "colours", "families",
    "price", "list_price", "log_price", "price_band", "stock", "created_at", "category_pairs",
    "words", "step_up", "better_priced",
)  # fmt: skip


def _signal_columns(table: ItemTable) -> SignalColumns:
    return SignalColumns(**{name: getattr(table, name) for name in SignalColumns.__struct_fields__})


def _join_columns(catalogue: Mapping[str, Any], signals: SignalColumns) -> ItemTable:
    """Joins both halves and adds the orders."""
    columns = {**catalogue, **{name: getattr(signals, name) for name in SignalColumns.__struct_fields__}}
    none = np.empty(0, np.int32)
    bare = ItemTable(
        **columns,
        by_popularity=none,
        by_trend=none,
        by_newness=none,
        newcomers=none,
        popularity_rank=none,
        category_rows=Groups(none, {}, none),
        brand_rows=Groups(none, {}, none),
    )
    sellable = bare.stock > 0
    by_popularity = order_best_first(sellable, bare.popularity, bare.created_at)
    rank = rank_rows(by_popularity)
    pair_rows, pair_codes, pair_keys, _ = bare.category_pairs
    every = np.arange(bare.n, dtype=np.int32)
    by_newness = order_best_first(sellable, bare.created_at, -rank.astype(np.float32))
    new = bare.created_at[by_newness] > bare.at - NEW_DAYS * 86400.0
    return replace(
        bare,
        by_popularity=by_popularity,
        by_trend=order_best_first(sellable, bare.trend, -rank.astype(np.float32)),
        by_newness=by_newness,
        newcomers=by_newness[new],
        popularity_rank=rank,
        category_rows=group_rows(pair_rows, pair_codes, pair_keys, rank),
        brand_rows=group_rows(every, bare.brands.column, bare.brands.hashes, rank),
    )


def _catalogue_columns(items: list[Item]) -> dict[str, Any]:
    """The half of the table that signals never touch."""
    ids: list[str] = [item.item_id for item in items]
    price = np.array([item.price for item in items], np.float32)
    listed = np.array([item.list_price or item.price for item in items], np.float32)
    stock = np.array([item.stock for item in items], np.float32)
    categories = encode_labels([item.category for item in items])
    families = encode_labels([item.categories[max(len(item.categories) - 2, 0)] for item in items])
    brands = encode_labels([item.brand for item in items])
    colours = encode_labels([item.colour for item in items])
    row_by_key = {hash48(item_id): row for row, item_id in enumerate(ids)}
    pairs = _category_pairs(items)
    step_up, better = find_alternatives(categories.column, price, stock > 0)
    return {
        "n": len(items),
        "ids": ids,
        "items": items,
        "row_by_id": {item_id: row for row, item_id in enumerate(ids)},
        "row_by_key": row_by_key,
        "keys": CatalogueKeys(
            row_by_key=KeyIndex(row_by_key),
            category_groups=_group_index(pairs[2]),
            brand_groups=KeyIndex(brands.code_by_hash),
            category_code_by_hash=KeyIndex(categories.code_by_hash),
        ),
        "categories": categories,
        "brands": brands,
        "colours": colours,
        "families": families,
        "price": price,
        "list_price": np.maximum(listed, price),
        "log_price": np.log1p(price),
        "price_band": np.array([price_band(item.price) for item in items], np.uint8),
        "stock": stock,
        "created_at": np.array([_created_at(item) for item in items], np.float64),
        "category_pairs": pairs,
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


def _created_at(item: Item) -> float:
    return item.created_at.timestamp() if item.created_at else 0.0


def _group_index(keys: NDArray[np.uint32]) -> KeyIndex:
    """hash32 of a category of any level -> its code; code 0 is none."""
    return KeyIndex({key: code for code, key in enumerate(keys.tolist()) if code})
