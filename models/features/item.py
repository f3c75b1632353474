"""Item features: numbers of an item alone, computed once per snapshot for all rows and then only gathered.

Each is a function of the table (its columns, and crowd signals decayed to `table.at`) giving float32[n].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.catalog.orderings import percentile_rank, percentile_rank_within
from models.catalog.table import ItemTable

Floats = NDArray[np.float32]
RATE_PRIOR = 20.0
"""Views that rates are shrunk by: three carts of four views are no rate of 75 %. Own choice, not tuned."""
RATE_SCALE = 10
"""ln(1 + 10 · rate) spreads rates of 1 to 10 % over the scale of other features. Own choice, not tuned."""
RISING_PRIOR = 5.0
"""Views that an item with little history is damped by. Own choice, not tuned."""
NEWNESS_HALF_LIFE_DAYS = 30.0
"""Own choice, not tuned."""


class ItemFeature(Struct, frozen=True):
    """A column of the item block: `of` gives float[n]; a change of meaning raises `version`."""

    name: str
    version: int
    compute: Callable[[ItemTable], NDArray[np.floating[Any]]]


def _event_rate(counts: Floats, table: ItemTable) -> Floats:
    """ln(1 + 10 · rate) of an event per view, the rate shrunk towards the shop's mean by RATE_PRIOR views."""
    mean = float(counts.sum()) / max(float(table.popularity.sum()), 1.0)
    shrunk = (counts + RATE_PRIOR * min(mean, 1.0)) / (table.popularity + RATE_PRIOR)
    rate: Floats = np.log1p(RATE_SCALE * shrunk)
    return rate


def newness(created_at: NDArray[np.float64], at: float) -> Floats:
    """1 on the day an item came to the shop, a half after NEWNESS_HALF_LIFE_DAYS.

    Args:
        created_at: float64[n], epoch seconds; 0 when unknown.
        at: Now, epoch seconds.

    Returns:
        float32[n]; 0 for an unknown day.
    """
    days = np.maximum(at - created_at, 0.0) / 86400.0
    return np.where(created_at > 0, 0.5 ** (days / NEWNESS_HALF_LIFE_DAYS), 0.0).astype(np.float32)


def _trend_share(table: ItemTable) -> Floats:
    """Share of the recent trend in all decayed views: near 1 for what took off today."""
    return table.trend / (table.popularity + RISING_PRIOR)


def _price_in_category(table: ItemTable) -> Floats:
    """ln(1 + price) minus its mean over the item's finest category."""
    codes = table.category
    sums = np.bincount(codes, table.log_price, minlength=1)
    means = sums / np.maximum(np.bincount(codes, minlength=1), 1)
    return (table.log_price - means[codes]).astype(np.float32)


ITEM_FEATURES: tuple[ItemFeature, ...] = (
    ItemFeature("item_log_trend", 1, lambda t: np.log1p(t.trend)),
    ItemFeature("item_log_popularity", 1, lambda t: np.log1p(t.popularity)),
    ItemFeature("item_rising", 1, _trend_share),
    # Share of items, of the shop or of the category, that are less popular.
    ItemFeature("item_popularity_rank", 1, lambda t: percentile_rank(t.popularity)),
    ItemFeature("item_category_rank", 1, lambda t: percentile_rank_within(t.popularity, t.category)),
    ItemFeature("item_cart_rate", 1, lambda t: _event_rate(t.carts, t)),
    ItemFeature("item_purchase_rate", 1, lambda t: _event_rate(t.purchases, t)),
    ItemFeature("item_share_rate", 1, lambda t: _event_rate(t.shares, t)),
    ItemFeature("item_price_in_category", 1, _price_in_category),
    # Share of the list price that is taken off.
    ItemFeature("item_discount", 1, lambda t: 1 - t.price / np.maximum(t.list_price, 0.01)),
    ItemFeature("item_newness", 1, lambda t: newness(t.created_at, t.at)),
    # More than 100 units count as 100, which makes 0.92.
    ItemFeature("item_log_stock", 1, lambda t: np.log1p(np.minimum(t.stock, 100.0)) / 5),
)
"""Scales and caps are own choices, not tuned."""


def item_block(table: ItemTable) -> Floats:
    """float32[n, len(ITEM_FEATURES)], row-major, so that one gather fetches all features of an item."""
    block = np.empty((table.n, len(ITEM_FEATURES)), np.float32)
    for column, feature in enumerate(ITEM_FEATURES):
        block[:, column] = feature.compute(table)
    return block
