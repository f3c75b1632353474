"""Item features: numbers of an item alone, computed once per snapshot for all rows and then only gathered.

Each is a function of the table (its columns, and crowd signals decayed to `table.at`) giving float32[n].
"""

from collections.abc import Callable
from typing import Any

import cython
import numpy as np
from numpy.typing import NDArray

from models import use_compiled
from models.catalog.orderings import percentile_rank, percentile_rank_within

if not cython.compiled:
    from models.features.feature_rows import FeatureGroup

RATE_PRIOR = 20.0
"""Views that rates are shrunk by: three carts of four views are no rate of 75 %. Own choice, not tuned."""
RATE_SCALE = 10
"""ln(1 + 10 · rate) spreads rates of 1 to 10 % over the scale of other features. Own choice, not tuned."""
RISING_PRIOR = 5.0
"""Views that an item with little history is damped by. Own choice, not tuned."""
NEWNESS_HALF_LIFE_DAYS = 30.0
"""Own choice, not tuned."""


def event_rate(counts: NDArray[np.float32], table: Any) -> NDArray[np.float32]:
    """ln(1 + 10 · rate) of an event per view, the rate shrunk towards the shop's mean by RATE_PRIOR views."""
    mean = float(counts.sum()) / max(float(table.popularity.sum()), 1.0)
    shrunk = (counts + RATE_PRIOR * min(mean, 1.0)) / (table.popularity + RATE_PRIOR)
    rate: NDArray[np.float32] = np.log1p(RATE_SCALE * shrunk)
    return rate


def newness(created_at: NDArray[np.float64], at: float) -> NDArray[np.float32]:
    """1 on the day an item came to the shop, a half after NEWNESS_HALF_LIFE_DAYS.

    Args:
        created_at: float64[n], epoch seconds; 0 when unknown.
        at: Now, epoch seconds.

    Returns:
        float32[n]; 0 for an unknown day.
    """
    days = np.maximum(at - created_at, 0.0) / 86400.0
    return np.where(created_at > 0, 0.5 ** (days / NEWNESS_HALF_LIFE_DAYS), 0.0).astype(np.float32)


def trend_share(table: Any) -> NDArray[np.float32]:
    """Share of the recent trend in all decayed views: near 1 for what took off today."""
    share: NDArray[np.float32] = table.trend / (table.popularity + RISING_PRIOR)
    return share


def price_in_category(table: Any) -> NDArray[np.float32]:
    """ln(1 + price) minus its mean over the item's finest category."""
    codes = table.category
    sums = np.bincount(codes, table.log_price, minlength=1)
    means = sums / np.maximum(np.bincount(codes, minlength=1), 1)
    gap: NDArray[np.float32] = (table.log_price - means[codes]).astype(np.float32)
    return gap


ITEM_FEATURES = FeatureGroup("item")
ITEM_FORMULAS: tuple[tuple[int, Callable[[Any], NDArray[np.floating[Any]]]], ...] = (
    (ITEM_FEATURES.add("item_log_trend", 1), lambda t: np.log1p(t.trend)),
    (ITEM_FEATURES.add("item_log_popularity", 1), lambda t: np.log1p(t.popularity)),
    (ITEM_FEATURES.add("item_rising", 1), trend_share),
    # Share of items, of the shop or of the category, that are less popular.
    (ITEM_FEATURES.add("item_popularity_rank", 1), lambda t: percentile_rank(t.popularity)),
    (ITEM_FEATURES.add("item_category_rank", 1), lambda t: percentile_rank_within(t.popularity, t.category)),
    (ITEM_FEATURES.add("item_cart_rate", 1), lambda t: event_rate(t.carts, t)),
    (ITEM_FEATURES.add("item_purchase_rate", 1), lambda t: event_rate(t.purchases, t)),
    (ITEM_FEATURES.add("item_share_rate", 1), lambda t: event_rate(t.shares, t)),
    (ITEM_FEATURES.add("item_price_in_category", 1), price_in_category),
    # Share of the list price that is taken off.
    (ITEM_FEATURES.add("item_discount", 1), lambda t: 1 - t.price / np.maximum(t.list_price, 0.01)),
    (ITEM_FEATURES.add("item_newness", 1), lambda t: newness(t.created_at, t.at)),
    # More than 100 units count as 100, which makes 0.92.
    (ITEM_FEATURES.add("item_log_stock", 1), lambda t: np.log1p(np.minimum(t.stock, 100.0)) / 5),
)
"""(column, float[n] of a table). Scales and caps are own choices, not tuned."""


def item_block(table: Any) -> NDArray[np.float32]:
    """float32[n, item features], row-major, so that one gather fetches all features of an item."""
    block = np.empty((table.n, len(ITEM_FEATURES.features)), np.float32)
    for column, formula in ITEM_FORMULAS:
        block[:, column] = formula(table)
    return block


if not cython.compiled:
    use_compiled(globals())
