"""A given list of items in the order one visitor would like them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from models.candidates import given
from models.explain import Evidence
from models.features import Batch, matrix
from models.scenes import usable
from models.scoring import model_tag, scores_of, stamp_of
from models.shop import Shop
from models.visitor import VisitorState
from schemas.ids import ItemId
from schemas.layouts import Mode, ModelTag, Reason, Why

UNKNOWN_GAP = 1.0
"""How far below the last known item those stand that the shop does not know."""


class Ranked(Struct, frozen=True, kw_only=True):
    """`items` are (id, score, why) with the best first; `why` is None unless asked for."""

    items: list[tuple[ItemId, float, Why | None]]
    mode: Mode
    reason: Reason
    model: ModelTag


def rank(
    shop: Shop, state: VisitorState, items: Sequence[str], at: float, *, explain: bool = False
) -> Ranked:
    """All `items`, best first; those the shop does not know last, in the order given.

    No rules: what is listed is the caller's choice. Equal scores keep the order given.
    """
    table = shop.items
    state, why = usable(state)
    found = [(item, row) for item in items if (row := table.row_of(item)) >= 0]
    candidates = given(table, state, [row for _, row in found])
    batch = Batch(table, [state], [candidates], ["category"], at)
    features = matrix(batch)
    scores, failed = scores_of(shop.ranker, features, np.full(len(features), why == "ok"))
    evidence = Evidence(candidates, scores, features)
    index = {row: number for number, row in enumerate(candidates.rows.tolist())}
    values = scores.tolist()
    order = sorted(range(len(found)), key=lambda n: (-values[index[found[n][1]]], n))
    ranked: list[tuple[ItemId, float, Why | None]] = [
        (
            ItemId(found[n][0]),
            round(values[index[found[n][1]]], 6),
            evidence.why(found[n][1]) if explain else None,
        )
        for n in order
    ]
    lowest = min(values, default=0.0) - UNKNOWN_GAP
    ranked += [(ItemId(item), round(lowest, 6), None) for item in items if table.row_of(item) < 0]
    stamp = stamp_of(shop.ranker, why, failed)
    return Ranked(items=ranked, mode=stamp.mode, reason=stamp.reason, model=model_tag(stamp, shop.generation))
