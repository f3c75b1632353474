"""A given list of items in the order one visitor would like them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import cast

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.candidates.generation import candidates_from_rows
from models.features.spec import Batch, matrix
from models.layout.context import personalizable_state
from models.policy.explain import Evidence
from models.policy.scoring import model_tag, provenance_of, scores_of
from models.policy.snapshot import Snapshot
from models.visitor.state import VisitorState
from schemas.ids import ItemId
from schemas.layouts import Mode, ModelTag, Reason, Why

UNKNOWN_GAP = 1.0
"""How far below the last known item those stand that the shop does not know."""

DIGITS = 6
"""Decimals of a score."""


class Ranked(Struct, frozen=True, kw_only=True):
    """`ids` with the best first, and the score of each; `whys` is empty unless asked for.

    `unknown` are the last of `ids`, those that the shop does not know, in the order given.
    """

    ids: list[ItemId]
    scores: list[float]
    whys: list[Why | None]
    unknown: list[ItemId]
    mode: Mode
    reason: Reason
    model: ModelTag

    @property
    def items(self) -> list[tuple[ItemId, float, Why | None]]:
        """(id, score, why) of each."""
        return list(zip(self.ids, self.scores, self.whys or [None] * len(self.ids), strict=True))


def rank(
    snapshot: Snapshot, state: VisitorState, items: Sequence[str], at: float, *, explain: bool = False
) -> Ranked:
    """All `items`, best first; those the shop does not know last, in the order given.

    No rules: what is listed is the caller's choice. Equal scores keep the order given.
    """
    table, ranker = snapshot.shop.items, snapshot.ranker
    state, why = personalizable_state(state)
    rows = np.fromiter(map(table.row_by_id.get, items, repeat(-1)), np.int32, len(items))
    known = (rows >= 0).nonzero()[0]
    candidates = candidates_from_rows(table, state, rows)
    features = matrix(Batch(snapshot.features, [state], [candidates], ["category"], at))
    scores, failed = scores_of(ranker, features, np.full(len(features), why == "ok"))
    mine = scores.take(candidates.rows.searchsorted(rows.take(known)))
    order = np.argsort(-mine, kind="stable")
    best = known.take(order)
    values = mine.take(order).astype(np.float64).round(DIGITS).tolist()
    lowest = round((values[-1] if values else 0.0) - UNKNOWN_GAP, DIGITS)
    unknown = _picked(items, (rows < 0).nonzero()[0]) if len(known) < len(items) else []
    evidence = Evidence(candidates, scores, features)
    whys = [evidence.why(row) for row in rows.take(best).tolist()] if explain else []
    provenance = provenance_of(ranker, why, failed)
    return Ranked(
        ids=_picked(items, best) + unknown,
        scores=values + [lowest] * len(unknown),
        whys=[*whys, *[None] * len(unknown)] if explain else [],
        unknown=unknown,
        mode=provenance.mode,
        reason=provenance.reason,
        model=model_tag(provenance, snapshot.shop.generation),
    )


def _picked(items: Sequence[str], numbers: NDArray[np.intp]) -> list[ItemId]:
    return cast("list[ItemId]", [items[number] for number in numbers.tolist()])
