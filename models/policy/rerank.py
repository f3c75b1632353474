"""Re-ranking: a caller's list of items in the order one visitor would like them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import cast

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.candidates.generation import copy_candidates
from models.candidates.sources import source_bit
from models.candidates.visit import PAGE_CATEGORY, Visit
from models.features.index import write_features
from models.features.spec import NAMES
from models.layout.context import state_reason
from models.policy.inspection.explain import Explainer
from models.policy.scoring import provenance_of, score_rows
from models.policy.snapshot import Snapshot
from schemas.ids import ItemId
from schemas.layouts import Mode, ModelTag, Reason, Why

_NO_ROWS = np.empty(0, np.int32).data
UNKNOWN_GAP = 1.0
"""How far items that the shop does not have are scored below the last known one. Own choice, not tuned."""

DECIMALS = 6
"""Decimals of a score."""


class Ranked(Struct, frozen=True, kw_only=True):
    """A re-ranked list.

    Attributes:
        ids: All items, best first.
        scores: The score of each, on the ranker's scale.
        rows: The row of each that the shop has; those come first.
        explainer: What explanations are made from.
        unknown: The last of `ids`: items that the shop does not have, in the order given.
        mode: How good the order is.
        reason: Why the mode is not full, or ok.
        model: Who ranked.
    """

    ids: list[ItemId]
    scores: list[float]
    rows: list[int]
    explainer: Explainer
    unknown: list[ItemId]
    mode: Mode
    reason: Reason
    model: ModelTag

    def explain(self, start: int, end: int) -> list[Why | None]:
        """The explanations of `ids[start:end]`; None for an item that the shop does not have."""
        whys: list[Why | None] = [*self.explainer.explain(self.rows[start:end])]
        return whys + [None] * (len(self.ids[start:end]) - len(whys))


def rank(snapshot: Snapshot, state: bytes, items: Sequence[str], at: float) -> Ranked:
    """Orders a list of items for one visitor. Rules do not apply: the list is the caller's choice.

    Args:
        snapshot: Items, feature index and rankers.
        state: The visitor's packed state; b"" for a stranger, and for bytes that are no state.
        items: Item ids, each once.
        at: Now, epoch seconds.

    Returns:
        All items, best first; equal scores, and items the shop does not have, keep the order given.

    Complexity: O(k · len(SPEC) + k log k) for k items, plus one run of the ranker.
    """
    table, ranker = snapshot.shop.items, snapshot.ranker
    rows = np.fromiter(map(table.row_by_id.get, items, repeat(-1)), np.int32, len(items))
    known = (rows >= 0).nonzero()[0]
    visit, why = _begin_visit(snapshot, state, rows.take(known), at)
    features = np.empty((visit.count, len(NAMES)), np.float32)
    write_features(visit, snapshot.features, features.data, 0)
    scores, failed = score_rows(ranker, features, len(features) if why == "ok" else 0)
    candidates = copy_candidates(visit)
    order, values = _best_first(scores.take(candidates.rows.searchsorted(rows.take(known))))
    best = known.take(order)
    lowest = round((values[-1] if values else 0.0) - UNKNOWN_GAP, DECIMALS)
    unknown = _select_ids(items, (rows < 0).nonzero()[0]) if len(known) < len(items) else []
    provenance = provenance_of(ranker, why, failed)
    return Ranked(
        ids=_select_ids(items, best) + unknown,
        scores=values + [lowest] * len(unknown),
        rows=rows.take(best).tolist(),
        explainer=Explainer(candidates, scores, features),
        unknown=unknown,
        mode=provenance.mode,
        reason=provenance.reason,
        model=provenance.model_tag(snapshot.shop.generation),
    )


def _begin_visit(
    snapshot: Snapshot, state: bytes, rows: NDArray[np.int32], at: float
) -> tuple[Visit, Reason]:
    """The visitor on a list page, with the list as its candidates; and why the state is used or not."""
    visit, columns = Visit(), snapshot.shop.items.columns
    visit.begin(columns, state, PAGE_CATEGORY, _NO_ROWS, at)
    reason: Reason = state_reason(visit.state)
    if reason != "ok":
        visit.begin(columns, b"", PAGE_CATEGORY, _NO_ROWS, at)
    given = np.sort(rows)
    visit.give(given.data, np.full(len(given), source_bit("given"), np.uint64).data, visit.anchor_row)
    return visit, reason


def _best_first(scores: NDArray[np.float32]) -> tuple[NDArray[np.intp], list[float]]:
    """The order of falling scores, equal ones in the order given; and the rounded scores in that order."""
    order = np.argsort(-scores, kind="stable")
    return order, scores.take(order).astype(np.float64).round(DECIMALS).tolist()


def _select_ids(items: Sequence[str], indices: NDArray[np.intp]) -> list[ItemId]:
    return cast("list[ItemId]", [items[index] for index in indices.tolist()])
