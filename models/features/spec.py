"""The features: named numbers of a visitor and a candidate, defined once for training and serving.

SPEC is in the order of the columns. Five groups, by what they can be computed from at once: the item alone
(held ready in the snapshot), the visitor alone (repeated over the candidates), tastes (shares that speak for
the item), single ties (seen, in the cart, neighbours of such) and gaps (price and anchor against the item).
A change of a meaning bumps the feature's version, and so the fingerprint: models are refused until retrained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.candidates.generation import Candidates
from models.catalog.table import ItemTable
from models.features.affinity import AFFINITY_FEATURES, affinity_columns
from models.features.index import FeatureIndex
from models.features.interaction import INTERACTION_FEATURES, add_interactions
from models.features.item import ITEM_FEATURES
from models.features.visitor import VISITOR_FEATURES, moments, visitor_block
from models.visitor.state import VisitorState

Rows = NDArray[np.int32]
Matrix = NDArray[np.float32]


class Batch(Struct, frozen=True, eq=False):
    """Visitors to be scored together: one state, candidate set and page each; `at` in epoch seconds, one
    number or float64[V]."""

    index: FeatureIndex
    states: Sequence[VisitorState]
    candidates: Sequence[Candidates]
    pages: Sequence[str]
    at: float | NDArray[np.float64]

    @property
    def counts(self) -> list[int]:
        """Rows of each visitor; the matrix holds them one visitor after the other."""
        return [len(one.rows) for one in self.candidates]


class Gaps(Struct, frozen=True, eq=False):
    """What gap features see: values of each row of the batch, and of its visitor taken to the row."""

    log_price: Matrix
    usual: Matrix
    trust: Matrix
    """0..1, how much evidence the usual price has."""
    bought: Matrix
    anchor_log_price: Matrix
    same_category: NDArray[np.bool_]
    same_brand: NDArray[np.bool_]
    has_anchor: NDArray[np.bool_]


class GapFeature(Struct, frozen=True):
    name: str
    version: int
    of: Callable[[Gaps], NDArray[Any]]


GAP_FEATURES: tuple[GapFeature, ...] = (
    GapFeature("price_gap", 1, lambda g: (g.log_price - g.usual) * g.trust),
    GapFeature("price_distance", 1, lambda g: np.abs(g.log_price - g.usual) * g.trust),
    GapFeature("bought_price_gap", 1, lambda g: np.where(g.bought > 0, g.log_price - g.bought, 0)),
    GapFeature("anchor_price_gap", 1, lambda g: np.where(g.has_anchor, g.log_price - g.anchor_log_price, 0)),
    GapFeature("anchor_same_category", 1, lambda g: g.same_category),
    GapFeature("anchor_same_brand", 1, lambda g: g.same_brand),
)


class Feature(Struct, frozen=True):
    """One column; `group` says what it is computed from."""

    name: str
    version: int
    group: str


SPEC: tuple[Feature, ...] = (
    *(Feature(f.name, f.version, "item") for f in ITEM_FEATURES),
    *(Feature(f.name, f.version, "visitor") for f in VISITOR_FEATURES),
    *(Feature(f.name, f.version, "taste") for f in AFFINITY_FEATURES),
    *(Feature(name, version, "tie") for name, version in INTERACTION_FEATURES),
    *(Feature(f.name, f.version, "gap") for f in GAP_FEATURES),
)
NAMES: tuple[str, ...] = tuple(feature.name for feature in SPEC)


def fingerprint(spec: Sequence[Feature]) -> str:
    """Short hash of names and versions in order: what a model learnt must be what the code computes."""
    text = ",".join(f"{feature.name}:{feature.version}" for feature in spec)
    return blake2b(text.encode(), digest_size=8).hexdigest()


FINGERPRINT = fingerprint(SPEC)
_ENDS = np.cumsum(
    [len(ITEM_FEATURES), len(VISITOR_FEATURES), len(AFFINITY_FEATURES), len(INTERACTION_FEATURES)]
).tolist()


def matrix(batch: Batch) -> Matrix:
    """A new matrix of a batch, float32[rows, len(SPEC)]."""
    out = np.empty((sum(batch.counts), len(SPEC)), np.float32)
    vectorize(batch, out)
    return out


def vectorize(batch: Batch, out: Matrix) -> None:
    """Fills `out`, float32[rows, len(SPEC)]; numpy calls do not grow with the number of visitors."""
    if not len(out):
        return
    table, states, counts = batch.index.table, batch.states, batch.counts
    at: list[float] = np.broadcast_to(batch.at, len(states)).tolist()
    rows = np.concatenate([one.rows for one in batch.candidates])
    visitor = np.arange(len(states), dtype=np.int32).repeat(counts)
    many = moments(states, batch.pages, at)
    item_end, visitor_end, taste_end, tie_end = _ENDS
    out[:, :item_end] = batch.index.block.take(rows, axis=0)
    out[:, item_end:visitor_end] = visitor_block(many).take(visitor, axis=0)
    since = np.array([moment.since for moment in many])
    out[:, visitor_end:taste_end] = affinity_columns(batch.index.vocabulary, states, since, rows, visitor)
    ties = np.zeros((len(rows), len(INTERACTION_FEATURES)), np.float32)
    add_interactions(table, states, batch.candidates, at, visitor.astype(np.int64) * table.n + rows, ties)
    out[:, taste_end:tie_end] = ties
    gaps = _gaps(table, states, np.array([one.anchor for one in batch.candidates], np.int32), rows, visitor)
    for column, feature in enumerate(GAP_FEATURES, start=tie_end):
        out[:, column] = feature.of(gaps)


def _gaps(table: ItemTable, states: Sequence[VisitorState], anchors: Rows, rows: Rows, visitor: Rows) -> Gaps:
    numbers = [(s.price, s.price_weight / (s.price_weight + 1.0), s.bought_price) for s in states]
    usual, trust, bought = np.array(numbers, np.float32).take(visitor, axis=0).T
    anchor = anchors.take(visitor)
    has_anchor = anchor >= 0  # of -1 some item's values, hidden by this
    brand, log_price = table.brands.column.take(rows), table.log_price
    return Gaps(
        log_price=log_price.take(rows),
        usual=usual,
        trust=trust,
        bought=bought,
        anchor_log_price=log_price.take(anchor),
        same_category=(table.category.take(rows) == table.category.take(anchor)) & has_anchor,
        same_brand=(brand == table.brands.column.take(anchor)) & has_anchor & (brand > 0),
        has_anchor=has_anchor,
    )
