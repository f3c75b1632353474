"""The feature specification: which numbers of a visitor and a candidate a ranker sees, and in which columns.

Training and serving both call `vectorize`. SPEC has five groups, by what can be computed at once:

- item: of the item alone; held ready in the snapshot and gathered.
- visitor: of the visitor and the page alone; repeated over the visitor's candidates.
- affinity: shares of the visitor's interest that speak for the item's category, brand, colour, price band.
- interaction: links to the single item: viewed, in the cart, bought, a neighbour of such.
- gap: price and anchor of the visitor against those of the item.

A change of a feature's meaning raises its version, and so changes the fingerprint: models trained before it
are refused until they are trained again.
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
from models.features.visitor import VISITOR_FEATURES, page_visits, visitor_block
from models.visitor.state import VisitorState

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]
"""float32[rows, len(SPEC)], columns in the order of SPEC."""


class Batch(Struct, frozen=True, eq=False):
    """Visitors whose candidates are scored together: V states, each with its candidates and its page.

    Attributes:
        index: The feature index of the items that the candidates are rows of.
        states: V visitors' states; EMPTY for one of whom nothing may be used.
        candidates: One each.
        pages: The page type of each.
        at: Now, epoch seconds; one number for all, or float64[V].
    """

    index: FeatureIndex
    states: Sequence[VisitorState]
    candidates: Sequence[Candidates]
    pages: Sequence[str]
    at: float | NDArray[np.float64]

    @property
    def counts(self) -> list[int]:
        """Rows of each visitor: the matrix holds one visitor's candidates after the other's."""
        return [len(one.rows) for one in self.candidates]


class Gaps(Struct, frozen=True, eq=False):
    """What gap features read: values of each of m rows, and of its visitor repeated over them.

    Attributes:
        log_price: float32[m], ln(1 + price).
        usual: float32[m], the visitor's mean ln(1 + price) of items viewed.
        trust: float32[m], weight / (weight + 1) of that mean: 0 without evidence, towards 1 with much.
        bought: float32[m], the visitor's mean ln(1 + price) of purchases; 0 for none.
        anchor_log_price: float32[m], of the anchor; any item's value where `has_anchor` is false.
        same_category: bool[m], the item is of the anchor's finest category.
        same_brand: bool[m], the item is of the anchor's brand.
        has_anchor: bool[m], the visitor's candidates have an anchor.
    """

    log_price: Floats
    usual: Floats
    trust: Floats
    bought: Floats
    anchor_log_price: Floats
    same_category: NDArray[np.bool_]
    same_brand: NDArray[np.bool_]
    has_anchor: NDArray[np.bool_]


class GapFeature(Struct, frozen=True):
    """A column over all rows of a batch; a change of meaning raises `version`."""

    name: str
    version: int
    compute: Callable[[Gaps], NDArray[Any]]


GAP_FEATURES: tuple[GapFeature, ...] = (
    GapFeature("price_gap", 1, lambda g: (g.log_price - g.usual) * g.trust),
    GapFeature("price_distance", 1, lambda g: np.abs(g.log_price - g.usual) * g.trust),
    GapFeature("bought_price_gap", 1, lambda g: np.where(g.bought > 0, g.log_price - g.bought, 0)),
    GapFeature("anchor_price_gap", 1, lambda g: np.where(g.has_anchor, g.log_price - g.anchor_log_price, 0)),
    GapFeature("anchor_same_category", 1, lambda g: g.same_category),
    GapFeature("anchor_same_brand", 1, lambda g: g.same_brand),
)


class Feature(Struct, frozen=True):
    """One column of the matrix; `group` is item, visitor, affinity, interaction or gap."""

    name: str
    version: int
    group: str


SPEC: tuple[Feature, ...] = (
    *(Feature(f.name, f.version, "item") for f in ITEM_FEATURES),
    *(Feature(f.name, f.version, "visitor") for f in VISITOR_FEATURES),
    *(Feature(f.name, f.version, "affinity") for f in AFFINITY_FEATURES),
    *(Feature(name, version, "interaction") for name, version in INTERACTION_FEATURES),
    *(Feature(f.name, f.version, "gap") for f in GAP_FEATURES),
)
"""All features, in the order of the columns."""
NAMES: tuple[str, ...] = tuple(feature.name for feature in SPEC)


def fingerprint(spec: Sequence[Feature]) -> str:
    """A short hash of a specification: a model fits the code when both have the same.

    Returns:
        16 hex digits of BLAKE2b over names and versions in order; groups and formulas have no part in it.
    """
    text = ",".join(f"{feature.name}:{feature.version}" for feature in spec)
    return blake2b(text.encode(), digest_size=8).hexdigest()


FINGERPRINT = fingerprint(SPEC)
"""Of the features that this code computes; a manifest that names another is refused."""
_ENDS = np.cumsum(
    [len(ITEM_FEATURES), len(VISITOR_FEATURES), len(AFFINITY_FEATURES), len(INTERACTION_FEATURES)]
).tolist()


def matrix(batch: Batch) -> Matrix:
    """A new feature matrix of a batch, float32[sum(batch.counts), len(SPEC)]; see `vectorize`."""
    out = np.empty((sum(batch.counts), len(SPEC)), np.float32)
    vectorize(batch, out)
    return out


def vectorize(batch: Batch, out: Matrix) -> None:
    """Fills a feature matrix, the same for training and for serving.

    Args:
        batch: V visitors with m candidates in all.
        out: float32[m, len(SPEC)], filled: one visitor's candidates after the other's, in their order. A
            row depends on its visitor, page and item alone, so a batch equals its visitors side by side.

    Complexity: O(m · len(SPEC)); numpy calls do not grow with V.
    """
    if not len(out):
        return
    table, states, counts = batch.index.table, batch.states, batch.counts
    at: list[float] = np.broadcast_to(batch.at, len(states)).tolist()
    rows = np.concatenate([one.rows for one in batch.candidates])
    visitors = np.arange(len(states), dtype=np.int32).repeat(counts)
    visits = page_visits(states, batch.pages, at)
    item_end, visitor_end, affinity_end, interaction_end = _ENDS
    out[:, :item_end] = batch.index.block.take(rows, axis=0)
    out[:, item_end:visitor_end] = visitor_block(visits).take(visitors, axis=0)
    since = np.array([visit.since for visit in visits])
    out[:, visitor_end:affinity_end] = affinity_columns(batch.index.vocabulary, states, since, rows, visitors)
    interactions = np.zeros((len(rows), len(INTERACTION_FEATURES)), np.float32)
    keys = visitors.astype(np.int64) * table.n + rows
    add_interactions(table, states, batch.candidates, at, keys, interactions)
    out[:, affinity_end:interaction_end] = interactions
    gaps = _gaps(
        table, states, np.array([one.anchor_row for one in batch.candidates], np.int32), rows, visitors
    )
    for column, feature in enumerate(GAP_FEATURES, start=interaction_end):
        out[:, column] = feature.compute(gaps)


def _gaps(
    table: ItemTable, states: Sequence[VisitorState], anchors: Rows, rows: Rows, visitors: Rows
) -> Gaps:
    numbers = [(s.price, s.price_weight / (s.price_weight + 1.0), s.bought_price) for s in states]
    usual, trust, bought = np.array(numbers, np.float32).take(visitors, axis=0).T
    anchor = anchors.take(visitors)
    has_anchor = anchor >= 0  # of -1 `take` gives some item's values; this hides them
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


STAND_IN: dict = {}


def write_features(visit, index, out, first):  # stand-in
    from models.candidates.generation import copy_candidates
    state, page, at = STAND_IN[id(visit)]
    cand = copy_candidates(visit)
    np.asarray(out)[first : first + len(cand.rows)] = matrix(Batch(index, [state], [cand], [page], at))
