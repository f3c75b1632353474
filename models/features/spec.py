"""The feature specification: which numbers of a visitor and a candidate a ranker sees, and in which columns.

Training and serving both call `write_features`. SPEC has five groups, a module each:

- item: of the item alone; held ready in the snapshot and copied.
- visitor: of the visitor and the page alone; the same for all of a visitor's candidates.
- affinity: shares of the visitor's interest that speak for the item's category, brand, colour, price band.
- interaction: links to the single item: viewed, in the cart, bought, a neighbour of such.
- gap: price and anchor of the visitor against those of the item.

A change of a feature's meaning raises its version, and so changes the fingerprint: models that learnt the old
one are refused until they are trained again. One more feature changes nothing for models trained before it:
each is given the features that it names.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.candidates.generation import Candidates, begin_visit
from models.candidates.visit import Visit
from models.features.feature_rows import Feature
from models.features.index import GROUPS, FeatureIndex, write_features
from models.visitor.state import VisitorState

Matrix = NDArray[np.float32]
"""float32[rows, len(SPEC)], columns in the order of SPEC."""

SPEC: tuple[Feature, ...] = tuple(feature for group in GROUPS for feature in group.features)
"""All features, in the order of the columns."""
NAMES: tuple[str, ...] = tuple(feature.name for feature in SPEC)


class Batch(Struct, frozen=True, eq=False):
    """Visitors whose candidates are scored together: V states, each with its candidates and its page.

    Attributes:
        index: The feature index of the items that the candidates are rows of.
        states: V visitors' states, packed or not; EMPTY for one of whom nothing may be used.
        candidates: One each.
        pages: The page type of each.
        at: Now, epoch seconds; one number for all, or float64[V].
    """

    index: FeatureIndex
    states: Sequence[VisitorState | bytes]
    candidates: Sequence[Candidates]
    pages: Sequence[str]
    at: float | NDArray[np.float64]

    @property
    def counts(self) -> list[int]:
        """Rows of each visitor: the matrix holds one visitor's candidates after the other's."""
        return [len(one.rows) for one in self.candidates]


def fingerprint(spec: Sequence[Feature]) -> str:
    """A short hash of features: a model fits the code when the code's have the hash of those it learnt.

    Returns:
        16 hex digits of BLAKE2b over names and versions in order; groups and formulas have no part in it.
    """
    text = ",".join(f"{feature.name}:{feature.version}" for feature in spec)
    return blake2b(text.encode(), digest_size=8).hexdigest()


FINGERPRINT = fingerprint(SPEC)
"""Of all features that this code computes; a model may need fewer (models.ranking.manifest)."""


def matrix(batch: Batch) -> Matrix:
    """A new feature matrix of a batch, float32[sum(batch.counts), len(SPEC)]; see `vectorize`."""
    out = np.empty((sum(batch.counts), len(SPEC)), np.float32)
    vectorize(batch, out)
    return out


def vectorize(batch: Batch, out: Matrix) -> None:
    """Fills a feature matrix by `write_features`, one visitor after the other.

    Args:
        batch: V visitors with m candidates in all.
        out: float32[m, len(SPEC)], filled: one visitor's candidates after the other's, in their order. A
            row depends on its visitor, page and item alone, so a batch equals its visitors side by side.

    Complexity: O(m · len(SPEC)).
    """
    visit, table, first = Visit(), batch.index.table, 0
    times: list[float] = np.broadcast_to(batch.at, len(batch.states)).tolist()
    for state, page, candidates, at in zip(batch.states, batch.pages, batch.candidates, times, strict=True):
        begin_visit(visit, table, state, page, (), at)
        visit.give(candidates.rows.data, candidates.sources.data, candidates.anchor_row)
        write_features(visit, batch.index, out.data, first)
        first += visit.count
