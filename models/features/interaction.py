"""Features of single ties between a visitor and an item: seen, in the cart, bought, a neighbour of such.

They are zero for most rows, so they are found from the visitor's side: each tie names a row, and where that
row is a candidate its value is added.
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
ItemPlaces = NDArray[np.intp]
INTERACTION_FEATURES: tuple[tuple[str, int], ...] = (
    ("viewed", 1),  # ln(1 + times)
    ("view_recency", 1),  # 1 now, half an hour ago a half
    ("view_dwell", 1),  # minutes
    ("in_cart", 1),
    ("wishlisted", 1),
    ("bought", 1),
    ("co_view_anchor", 1),  # root of the share of the anchor's co-views: most shares are small
    ("co_view_recent", 1),  # the same over the items seen last, the latest counting most
    ("co_buy", 1),  # root of the share of co-purchases with the cart, else the last purchase
)
_COLUMN = {name: column for column, (name, _) in enumerate(INTERACTION_FEATURES)}
RECENCY_HALF_LIFE_S = 1800.0
SEED_WEIGHTS = np.array([1.0, 0.7, 0.5, 0.35], np.float32)
ANCHOR_TIES, SEED_TIES, BUY_TIES = 50, 16, 8
_PAD = [-1, -1, -1, -1]
DENSE_MAX = 1 << 19
"""Up to so many (visitor, item) pairs a plain table finds a row faster than a binary search."""


class _Interactions:
    """Collected (visitor, row, column, value); all the same length."""

    def __init__(self) -> None:
        self.visitors: list[ItemPlaces] = []
        self.rows: list[Rows] = []
        self.columns: list[int] = []
        self.values: list[Floats] = []

    def add(self, name: str, visitors: ItemPlaces, rows: Rows, values: Floats) -> None:
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
    """Adds the values of all ties into `out`, float32[len(keys), len(INTERACTION_FEATURES)] of zeros.

    `keys` are visitor index · n + row of each row of the batch, ascending; `at` the time of each visitor.
    """
    ties = _Interactions()
    _seen(ties, states, candidates, at)
    _held(ties, table, states)
    _neighbours(ties, table, candidates)
    _bought_with(ties, table, states)
    if not ties.rows:
        return
    rows = np.concatenate(ties.rows)
    wanted = np.concatenate(ties.visitors) * table.n + rows
    wanted[rows < 0] = -1
    places = find_places(keys, wanted, len(states) * table.n)
    columns = np.array(ties.columns).repeat([len(part) for part in ties.rows])
    hit = (places >= 0).nonzero()[0]
    target = places.take(hit) * len(INTERACTION_FEATURES) + columns.take(hit)
    np.add.at(out.reshape(-1), target, np.concatenate(ties.values).take(hit))
    np.minimum(out[:, _COLUMN["bought"]], 1.0, out=out[:, _COLUMN["bought"]])


def find_places(keys: NDArray[np.int64], wanted: NDArray[np.int64], span: int) -> ItemPlaces:
    """Index in the ascending `keys` (all < span) of each wanted key, -1 where it is not among them."""
    if span <= DENSE_MAX:
        index = np.full(span + 1, -1, np.int32)
        index[keys] = np.arange(len(keys), dtype=np.int32)
        return index[wanted].astype(np.intp)  # a wanted -1 reads the last place, which is nobody's
    places = keys.searchsorted(wanted)
    places[places == len(keys)] = 0
    return np.where(keys.take(places) == wanted, places, -1)


def _seen(
    ties: _Interactions, states: Sequence[VisitorState], candidates: Sequence[Candidates], at: Sequence[float]
) -> None:
    counts = [len(one.recent) for one in candidates]
    size = sum(counts)
    if not size:
        return
    visitors = np.arange(len(states)).repeat(counts)
    rows = np.fromiter(chain.from_iterable([one.recent for one in candidates]), np.int32, size)
    numbers = [
        (now - item.at, item.views, item.dwell)
        for s, now in zip(states, at, strict=True)
        for item in s.recent
    ]
    age, views, dwell = np.array(numbers, np.float32).T
    ties.add("viewed", visitors, rows, np.log1p(views))
    ties.add(
        "view_recency", visitors, rows, np.exp2(np.maximum(age, 0) * np.float32(-1 / RECENCY_HALF_LIFE_S))
    )
    ties.add("view_dwell", visitors, rows, dwell / np.float32(60.0))


def _held(ties: _Interactions, table: ItemTable, states: Sequence[VisitorState]) -> None:
    find = table.row_by_key.get
    cart = [(v, find(line.key, -1)) for v, state in enumerate(states) for line in state.cart]
    wished = [(v, find(key, -1)) for v, state in enumerate(states) for key in state.wishlist]
    bought = [(v, find(one.key, -1)) for v, state in enumerate(states) for one in state.bought]
    for name, pairs in (("in_cart", cart), ("wishlisted", wished), ("bought", bought)):
        if pairs:
            visitors, rows = np.array(pairs, np.int64).T
            ties.add(name, visitors, rows.astype(np.int32), np.ones(len(pairs), np.float32))


def _neighbours(ties: _Interactions, table: ItemTable, candidates: Sequence[Candidates]) -> None:
    anchors = np.array([one.anchor for one in candidates], np.int32)
    _strengths(
        ties, "co_view_anchor", (table.co_viewed, table.co_viewed_weight), anchors[:, None], ANCHOR_TIES
    )
    seeds = np.array([(one.recent + _PAD)[: len(_PAD)] for one in candidates], np.int32)
    _strengths(ties, "co_view_recent", (table.co_viewed, table.co_viewed_weight), seeds, SEED_TIES)


def _bought_with(ties: _Interactions, table: ItemTable, states: Sequence[VisitorState]) -> None:
    find = table.row_by_key.get
    keys = [[line.key for line in s.cart[:4]] or [one.key for one in s.bought[:1]] for s in states]
    if not any(keys):
        return
    seeds = np.array([([find(key, -1) for key in some] + _PAD)[:4] for some in keys], np.int32)
    _strengths(ties, "co_buy", (table.co_bought, table.co_bought_weight), seeds, BUY_TIES)


def _strengths(ties: _Interactions, name: str, near: tuple[Rows, Floats], seeds: Rows, width: int) -> None:
    """Ties to the neighbours of `seeds`, int32[V, up to 4]; earlier seeds weigh more."""
    visitors, order = (seeds >= 0).nonzero()
    if not len(visitors):
        return
    rows = seeds[visitors, order]
    weights = np.sqrt(near[1].take(rows, axis=0)[:, :width]) * SEED_WEIGHTS.take(order)[:, None]
    ties.add(name, visitors.repeat(width), near[0].take(rows, axis=0)[:, :width].ravel(), weights.ravel())
