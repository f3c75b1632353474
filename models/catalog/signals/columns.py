"""Crowd signals as columns of the item table: counts decayed to one moment, neighbours as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.catalog.signals.aggregation import (
    CO_BOUGHT_MAX,
    CO_VIEWED_MAX,
    POPULARITY_HALF_LIFE_S,
    TREND_HALF_LIFE_S,
    decay_factor,
)
from schemas.ids import ItemId
from schemas.signals import Neighbour, Signal

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]
SHARE_PRIOR = 4.0
"""Added to the sum when a neighbour's weight becomes a share: one co-view alone is weak evidence. Own choice,
not tuned."""
NEIGHBOURS_STEP = 8
"""Neighbour columns are as wide as the longest list since the last build needed, in steps of so many: most
lists are short, and at full width those of 100,000 items take 56 MB."""


class SignalColumns(Struct, frozen=True, eq=False):
    """The signal columns of an item table, which has them under the same names, decayed to `at`."""

    at: float
    trend: Floats
    popularity: Floats
    carts: Floats
    purchases: Floats
    shares: Floats
    co_viewed: Rows
    co_viewed_weight: Floats
    co_bought: Rows
    co_bought_weight: Floats


def empty_columns(n: int, at: float) -> SignalColumns:
    """Columns of `n` items without any signal."""
    none = np.zeros(n, np.float32)  # one for all: columns are never written in place
    return SignalColumns(
        at,
        none,
        none,
        none,
        none,
        none,
        *_no_neighbours(n, NEIGHBOURS_STEP),
        *_no_neighbours(n, NEIGHBOURS_STEP),
    )


def build_columns(signals: Mapping[ItemId, Signal], row_by_id: Mapping[str, int], at: float) -> SignalColumns:
    """Columns of all signals of known items, decayed to `at` (epoch seconds)."""
    return refresh_columns(empty_columns(len(row_by_id), at), signals, row_by_id, at)


def refresh_columns(
    old: SignalColumns, changed: Mapping[ItemId, Signal], row_by_id: Mapping[str, int], at: float
) -> SignalColumns:
    """`old` decayed to a later moment with the changed signals put in; an unknown item's is left out.

    Complexity: O(n + changed); the neighbour arrays are copied only when a changed signal has or had any.
    """
    known = [(row, signal) for item, signal in changed.items() if (row := row_by_id.get(item, -1)) >= 0]
    rows = np.array([row for row, _ in known], np.int32)
    signals = [signal for _, signal in known]
    viewed = _neighbour_columns(
        rows, [s.co_viewed for s in signals], row_by_id, CO_VIEWED_MAX, (old.co_viewed, old.co_viewed_weight)
    )
    bought = _neighbour_columns(
        rows, [s.co_bought for s in signals], row_by_id, CO_BOUGHT_MAX, (old.co_bought, old.co_bought_weight)
    )
    trend, popularity, carts, purchases, shares = _count_columns(old, rows, signals, at)
    return SignalColumns(at, trend, popularity, carts, purchases, shares, *viewed, *bought)


def _count_columns(old: SignalColumns, rows: Rows, signals: Sequence[Signal], at: float) -> list[Floats]:
    columns: list[Floats] = []
    for name in ("trend", "popularity", "carts", "purchases", "shares"):
        half_life = TREND_HALF_LIFE_S if name == "trend" else POPULARITY_HALF_LIFE_S
        column = getattr(old, name) * np.float32(decay_factor(at - old.at, half_life))
        column[rows] = [getattr(s, name) * decay_factor(at - s.at, half_life) for s in signals]
        columns.append(column)
    return columns


def _no_neighbours(n: int, width: int) -> tuple[Rows, Floats]:
    return np.full((n, width), -1, np.int32), np.zeros((n, width), np.float32)


def _neighbour_columns(
    rows: Rows,
    lists: Sequence[list[Neighbour]],
    row_by_id: Mapping[str, int],
    most: int,
    old: tuple[Rows, Floats],
) -> tuple[Rows, Floats]:
    """At most `most` neighbour rows and their shares, those of `rows` replaced; `old` itself when none had or
    has any."""
    known_lists = [
        [(r, n.weight) for n in near if (r := row_by_id.get(n.item_id, -1)) >= 0 and r != row][:most]
        for row, near in zip(rows.tolist(), lists, strict=True)
    ]
    if not any(known_lists) and not (old[0][rows] >= 0).any():
        return old
    n, old_width = old[0].shape
    longest = max(map(len, known_lists))
    width = max(old_width, min(most, -(-longest // NEIGHBOURS_STEP) * NEIGHBOURS_STEP))
    neighbours, weights = _no_neighbours(n, width)
    neighbours[:, :old_width], weights[:, :old_width] = old
    neighbours[rows], weights[rows] = -1, 0.0
    for row, known in zip(rows.tolist(), known_lists, strict=True):
        if known:
            neighbours[row, : len(known)] = [r for r, _ in known]
            total = sum(weight for _, weight in known) + SHARE_PRIOR
            weights[row, : len(known)] = [weight / total for _, weight in known]
    return neighbours, weights
