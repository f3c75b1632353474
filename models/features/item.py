"""Features of an item alone: computed once per snapshot for every row, then only gathered.

Each is a function of the table (item columns and crowd signals at `table.at`) giving float32[n].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.catalog.orderings import share_below, share_below_within
from models.catalog.table import ItemTable

Floats = NDArray[np.float32]
RATE_PRIOR = 20.0
"""Views that an item's rates are shrunk by: three carts of four views are no rate of 75 %."""
NEWNESS_HALF_LIFE_DAYS = 30.0


class ItemFeature(Struct, frozen=True):
    name: str
    version: int
    of: Callable[[ItemTable], NDArray[np.floating[Any]]]


def _rate(counts: Floats, table: ItemTable) -> Floats:
    """ln(1 + 10·shrunk rate): rates of 1-10 % spread over the scale of the other features."""
    prior = float(counts.sum()) / max(float(table.popularity.sum()), 1.0)
    shrunk = (counts + RATE_PRIOR * min(prior, 1.0)) / (table.popularity + RATE_PRIOR)
    rate: Floats = np.log1p(10 * shrunk)
    return rate


def newness(created_at: NDArray[np.float64], at: float) -> Floats:
    """1 on the day it came, half after a month; 0 when the day is unknown."""
    days = np.maximum(at - created_at, 0.0) / 86400.0
    return np.where(created_at > 0, 0.5 ** (days / NEWNESS_HALF_LIFE_DAYS), 0.0).astype(np.float32)


def _rising(table: ItemTable) -> Floats:
    """Share of the recent trend in all that is remembered: near 1 for what took off today."""
    return table.trend / (table.popularity + 5.0)


def _price_in_category(table: ItemTable) -> Floats:
    """ln price against the mean ln price of the category."""
    codes = table.category
    sums = np.bincount(codes, table.log_price, minlength=1)
    means = sums / np.maximum(np.bincount(codes, minlength=1), 1)
    return (table.log_price - means[codes]).astype(np.float32)


ITEM_FEATURES: tuple[ItemFeature, ...] = (
    ItemFeature("item_log_trend", 1, lambda t: np.log1p(t.trend)),
    ItemFeature("item_log_popularity", 1, lambda t: np.log1p(t.popularity)),
    ItemFeature("item_rising", 1, _rising),
    ItemFeature("item_popularity_rank", 1, lambda t: share_below(t.popularity)),
    ItemFeature("item_category_rank", 1, lambda t: share_below_within(t.popularity, t.category)),
    ItemFeature("item_cart_rate", 1, lambda t: _rate(t.carts, t)),
    ItemFeature("item_purchase_rate", 1, lambda t: _rate(t.purchases, t)),
    ItemFeature("item_share_rate", 1, lambda t: _rate(t.shares, t)),
    ItemFeature("item_price_in_category", 1, _price_in_category),
    ItemFeature("item_discount", 1, lambda t: 1 - t.price / np.maximum(t.list_price, 0.01)),
    ItemFeature("item_newness", 1, lambda t: newness(t.created_at, t.at)),
    ItemFeature("item_log_stock", 1, lambda t: np.log1p(np.minimum(t.stock, 100.0)) / 5),
)


def item_block(table: ItemTable) -> Floats:
    """float32[n, len(ITEM_FEATURES)], rows side by side so that one gather fetches all of an item's."""
    block = np.empty((table.n, len(ITEM_FEATURES)), np.float32)
    for column, feature in enumerate(ITEM_FEATURES):
        block[:, column] = feature.of(table)
    return block
