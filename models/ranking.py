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

DIGITS = 6
"""Decimals of a score."""


class Ranked(Struct, frozen=True, kw_only=True):
    """`items` are (id, score, why) with the best first; `why` is None unless asked for.

    `unknown` are those of them that the shop does not know, in the order given.
    """

    items: list[tuple[ItemId, float, Why | None]]
    unknown: list[ItemId]
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
    find = table.row_by_id.get
    rows = [find(item, -1) for item in items]
    known = [number for number, row in enumerate(rows) if row >= 0]
    candidates = given(table, state, [rows[number] for number in known])
    features = matrix(Batch(table, [state], [candidates], ["category"], at))
    scores, failed = scores_of(shop.ranker, features, np.full(len(features), why == "ok"))
    evidence = Evidence(candidates, scores, features)
    mine = scores[candidates.rows.searchsorted([rows[number] for number in known])].astype(np.float64)
    values = mine.round(DIGITS).tolist()
    ranked: list[tuple[ItemId, float, Why | None]] = [
        (ItemId(items[known[n]]), values[n], evidence.why(rows[known[n]]) if explain else None)
        for n in np.argsort(-mine, kind="stable").tolist()
    ]
    lowest = round(min(values, default=0.0) - UNKNOWN_GAP, DIGITS)
    unknown = [ItemId(items[n]) for n, row in enumerate(rows) if row < 0]
    ranked += [(item, lowest, None) for item in unknown]
    stamp = stamp_of(shop.ranker, why, failed)
    model = model_tag(stamp, shop.generation)
    return Ranked(items=ranked, unknown=unknown, mode=stamp.mode, reason=stamp.reason, model=model)
