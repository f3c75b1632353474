"""Interaction features: what links a visitor to single items: viewed, in the cart, bought, or a neighbour.

They are zero for most rows, so they are computed from the visitor's side: each interaction names an item row,
and where that row is a candidate of the visitor its value is added to the matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from models.candidates.generation import Candidates
from models.catalog.orderings import Rows
from models.catalog.table import ItemTable
from models.visitor.state import VisitorState

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]
INTERACTION_FEATURES: tuple[tuple[str, int], ...] = (
    ("viewed", 1),  # ln(1 + times viewed)
    ("view_recency", 1),  # 2^(-age / RECENCY_HALF_LIFE_S): 1 now, a half after half an hour
    ("view_dwell", 1),  # minutes spent on it
    ("in_cart", 1),  # 0 or 1
    ("wishlisted", 1),  # 0 or 1
    ("bought", 1),  # 0 or 1, however often
    ("co_view_anchor", 1),  # square root of the share of the anchor's co-views: most shares are small
    ("co_view_recent", 1),  # the same, added over the items viewed last, by SEED_WEIGHTS
    ("co_buy", 1),  # square root of the share of co-purchases with the cart, else with the last purchase
)
"""(name, version), in the order of the columns; a change of meaning raises the version."""
_COLUMN = {name: column for column, (name, _) in enumerate(INTERACTION_FEATURES)}
RECENCY_HALF_LIFE_S = 1800.0
"""Own choice, not tuned."""
SEED_WEIGHTS = np.array([1.0, 0.7, 0.5, 0.35], np.float32)
"""Weight of each seed item, the newest viewed first. Own choice, not tuned."""
SEEDS_MAX = len(SEED_WEIGHTS)
"""Items whose neighbours are read: the last ones viewed, or the first of the cart."""
ANCHOR_NEIGHBOURS, SEED_NEIGHBOURS, CART_NEIGHBOURS = 50, 16, 8
"""Neighbours read of the anchor, of each item viewed last, of each cart line. Own choice, not tuned."""
_PADDING = [-1] * SEEDS_MAX
DENSE_MAX = 1 << 19
"""Up to this many (visitor, item) pairs a dense lookup table finds a row faster than a binary search."""


class _Interactions:
    """Collected values: for each part its visitors, item rows and values (equal lengths) and its column."""

    def __init__(self) -> None:
        self.visitors: list[Indices] = []
        self.rows: list[Rows] = []
        self.columns: list[int] = []
        self.values: list[Floats] = []

    def add(self, name: str, visitors: Indices, rows: Rows, values: Floats) -> None:
        self.visitors.append(visitors)
        self.rows.append(rows)
        self.columns.append(_COLUMN[name])
        self.values.append(values)


def add_interactions(
    table: ItemTable,
    states: Sequence[VisitorState],
    candidates: Sequence[Candidates],
    at: Sequence[float],
    keys: NDArray[np.int64],
    out: Floats,
) -> None:
    """Adds the interaction features of a batch into `out`.

    Args:
        table: The items, n rows.
        states: V visitors.
        candidates: One each.
        at: Epoch seconds, one each.
        keys: int64[m], visitor index · n + item row of each row of the batch, ascending.
        out: float32[m, len(INTERACTION_FEATURES)] of zeros.

    Complexity: O(interactions · log m), or O(interactions + V · n) for small batches; at most about 200
        interactions a visitor. numpy calls do not grow with V.
    """
    interactions = _Interactions()
    _add_views(interactions, states, candidates, at)
    _add_cart_wishlist_bought(interactions, table, states)
    _add_co_views(interactions, table, candidates)
    _add_co_purchases(interactions, table, states)
    if not interactions.rows:
        return
    rows = np.concatenate(interactions.rows)
    wanted_keys = np.concatenate(interactions.visitors) * table.n + rows
    wanted_keys[rows < 0] = -1
    indices = find_indices(keys, wanted_keys, len(states) * table.n)
    columns = np.array(interactions.columns).repeat([len(part) for part in interactions.rows])
    hit = (indices >= 0).nonzero()[0]
    target = indices.take(hit) * len(INTERACTION_FEATURES) + columns.take(hit)
    np.add.at(out.reshape(-1), target, np.concatenate(interactions.values).take(hit))
    # An item bought twice was added twice.
    np.minimum(out[:, _COLUMN["bought"]], 1.0, out=out[:, _COLUMN["bought"]])


def find_indices(keys: NDArray[np.int64], wanted_keys: NDArray[np.int64], span: int) -> Indices:
    """Where each wanted key stands among `keys`.

    Args:
        keys: int64[m], ascending, all below `span`.
        wanted_keys: int64[k], any; -1 is never found.
        span: One more than the largest key possible.

    Returns:
        intp[k], the index in `keys`, -1 where it is not there.
    """
    if span <= DENSE_MAX:
        index = np.full(span + 1, -1, np.int32)
        index[keys] = np.arange(len(keys), dtype=np.int32)
        return index[wanted_keys].astype(np.intp)  # a wanted -1 reads the last entry, which no key has
    indices = keys.searchsorted(wanted_keys)
    indices[indices == len(keys)] = 0
    return np.where(keys.take(indices) == wanted_keys, indices, -1)


def _add_views(
    interactions: _Interactions,
    states: Sequence[VisitorState],
    candidates: Sequence[Candidates],
    at: Sequence[float],
) -> None:
    counts = [len(one.recent) for one in candidates]
    size = sum(counts)
    if not size:
        return
    visitors = np.arange(len(states)).repeat(counts)
    rows = np.fromiter(chain.from_iterable([one.recent for one in candidates]), np.int32, size)
    numbers = [
        (now - item.at, item.views, item.dwell)
        for state, now in zip(states, at, strict=True)
        for item in state.recent
    ]
    age, views, dwell = np.array(numbers, np.float32).T
    recency = np.exp2(np.maximum(age, 0) * np.float32(-1 / RECENCY_HALF_LIFE_S))
    interactions.add("viewed", visitors, rows, np.log1p(views))
    interactions.add("view_recency", visitors, rows, recency)
    interactions.add("view_dwell", visitors, rows, dwell / np.float32(60.0))


def _add_cart_wishlist_bought(
    interactions: _Interactions, table: ItemTable, states: Sequence[VisitorState]
) -> None:
    """What is in the cart, on the wishlist, or bought."""
    find = table.row_by_key.get
    cart = [(v, find(line.key, -1)) for v, state in enumerate(states) for line in state.cart]
    wishlist = [(v, find(key, -1)) for v, state in enumerate(states) for key in state.wishlist]
    bought = [(v, find(one.key, -1)) for v, state in enumerate(states) for one in state.bought]
    for name, pairs in (("in_cart", cart), ("wishlisted", wishlist), ("bought", bought)):
        if pairs:
            visitors, rows = np.array(pairs, np.int64).T
            interactions.add(name, visitors, rows.astype(np.int32), np.ones(len(pairs), np.float32))


def _add_co_views(interactions: _Interactions, table: ItemTable, candidates: Sequence[Candidates]) -> None:
    neighbours = table.co_viewed, table.co_viewed_weight
    anchors = np.array([one.anchor_row for one in candidates], np.int32)
    _add_neighbours(interactions, "co_view_anchor", neighbours, anchors[:, None], ANCHOR_NEIGHBOURS)
    seeds = np.array([(one.recent + _PADDING)[:SEEDS_MAX] for one in candidates], np.int32)
    _add_neighbours(interactions, "co_view_recent", neighbours, seeds, SEED_NEIGHBOURS)


def _add_co_purchases(interactions: _Interactions, table: ItemTable, states: Sequence[VisitorState]) -> None:
    find = table.row_by_key.get
    baskets = [[line.key for line in s.cart[:SEEDS_MAX]] or [one.key for one in s.bought[:1]] for s in states]
    if not any(baskets):
        return
    found = [[find(key, -1) for key in basket] for basket in baskets]
    seeds = np.array([(rows + _PADDING)[:SEEDS_MAX] for rows in found], np.int32)
    neighbours = table.co_bought, table.co_bought_weight
    _add_neighbours(interactions, "co_buy", neighbours, seeds, CART_NEIGHBOURS)


def _add_neighbours(
    interactions: _Interactions, name: str, neighbours: tuple[Rows, Floats], seeds: Rows, width: int
) -> None:
    """Adds the first `width` neighbours of each of `seeds`, int32[V, up to SEEDS_MAX]; earlier seeds
    weigh more. `neighbours` are the table's neighbour rows of each item, best first, and their shares.
    """
    visitors, order = (seeds >= 0).nonzero()
    if not len(visitors):
        return
    rows = seeds[visitors, order]
    near_rows = neighbours[0].take(rows, axis=0)[:, :width]
    shares = neighbours[1].take(rows, axis=0)[:, :width]
    values = np.sqrt(shares) * SEED_WEIGHTS.take(order)[:, None]
    interactions.add(name, visitors.repeat(width), near_rows.ravel(), values.ravel())
