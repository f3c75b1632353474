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

    Signals are read one after the other, so that a mapping which decodes them holds no two at a time.

    Complexity: O(n + changed); the neighbour arrays are copied only when a changed signal has or had any.
    """
    counts = _decay_counts(old, at)
    viewed = _NeighbourColumns(old.co_viewed, old.co_viewed_weight, CO_VIEWED_MAX)
    bought = _NeighbourColumns(old.co_bought, old.co_bought_weight, CO_BOUGHT_MAX)
    for item, signal in changed.items():
        row = row_by_id.get(item, -1)
        if row < 0:
            continue
        for name, column in counts.items():
            column[row] = getattr(signal, name) * decay_factor(at - signal.at, _half_life(name))
        viewed.put(row, signal.co_viewed, row_by_id)
        bought.put(row, signal.co_bought, row_by_id)
    return SignalColumns(
        at, **counts,
        co_viewed=viewed.rows, co_viewed_weight=viewed.shares,
        co_bought=bought.rows, co_bought_weight=bought.shares,
    )  # fmt: skip


def _half_life(count: str) -> float:
    return TREND_HALF_LIFE_S if count == "trend" else POPULARITY_HALF_LIFE_S


def _decay_counts(old: SignalColumns, at: float) -> dict[str, Floats]:
    """Copies of the columns of counts, decayed to `at`."""
    return {
        name: getattr(old, name) * np.float32(decay_factor(at - old.at, _half_life(name)))
        for name in ("trend", "popularity", "carts", "purchases", "shares")
    }


def _no_neighbours(n: int, width: int) -> tuple[Rows, Floats]:
    return np.full((n, width), -1, np.int32), np.zeros((n, width), np.float32)


class _NeighbourColumns:
    """Neighbour rows and their shares; those given are kept as they are until a row changes.

    Args:
        rows: of the neighbours of each item, -1 behind the last.
        shares: as many.
        most: neighbours that a row may have.
    """

    def __init__(self, rows: Rows, shares: Floats, most: int) -> None:
        self.rows, self.shares = rows, shares
        self._most, self._is_copy = most, False

    def put(self, row: int, neighbours: Sequence[Neighbour], row_by_id: Mapping[str, int]) -> None:
        """Replace the neighbours of a row; unknown ones and the item itself are left out."""
        known = [
            (other, near.weight)
            for near in neighbours
            if (other := row_by_id.get(near.item_id, -1)) >= 0 and other != row
        ][: self._most]
        if not known and not (self.rows[row] >= 0).any():
            return
        self._make_room(len(known))
        self.rows[row], self.shares[row] = -1, 0.0
        if known:
            total = sum(weight for _, weight in known) + SHARE_PRIOR
            self.rows[row, : len(known)] = [other for other, _ in known]
            self.shares[row, : len(known)] = [weight / total for _, weight in known]

    def _make_room(self, length: int) -> None:
        """Arrays of our own, wide enough for `length` neighbours."""
        n, old_width = self.rows.shape
        width = max(old_width, min(self._most, -(-length // NEIGHBOURS_STEP) * NEIGHBOURS_STEP))
        if self._is_copy and width == old_width:
            return
        rows, shares = _no_neighbours(n, width)
        rows[:, :old_width], shares[:, :old_width] = self.rows, self.shares
        self.rows, self.shares, self._is_copy = rows, shares, True
