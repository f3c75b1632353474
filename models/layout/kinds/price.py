"""Kinds about prices: a step up, a better price, and what is reduced."""

from __future__ import annotations

from models.catalog.orderings import BETTER, SPREAD, STEP_UP
from models.layout.context import PageContext
from models.layout.kinds.kind import CandidateBatch, Mask, ModuleKind, Pool, Words
from models.layout.kinds.similar import anchor_of

REDUCED_SHARE = 0.92
"""An item counts as reduced when its price is at most this share of its list price. Own choice, not tuned."""
HESITATION_WEIGHT = 0.5
"""For a cheaper alternative when items are looked at again or carts are left. Own heuristic, not tuned."""


def _dearer(batch: CandidateBatch) -> Mask:
    ratio = batch.price_ratio
    dearer: Mask = batch.same_category & (ratio >= STEP_UP) & (ratio <= SPREAD)
    return dearer


def _cheaper(batch: CandidateBatch) -> Mask:
    ratio = batch.price_ratio
    cheaper: Mask = batch.same_category & (ratio <= BETTER) & (ratio >= 1 / SPREAD)
    return cheaper


def _reduced(batch: CandidateBatch) -> Mask:
    reduced: Mask = batch.price <= batch.table.list_price.take(batch.rows) * REDUCED_SHARE
    return reduced


DEARER = Pool("step_up", mask=_dearer)
CHEAPER = Pool("better_price", mask=_cheaper)
REDUCED = Pool("reduced", mask=_reduced)


def _hesitates(context: PageContext, at: float) -> float:
    state = context.state
    return HESITATION_WEIGHT * min(1.0, (state.returns_to_item + state.carts_left) / 3)


_BELOW_USUAL = Words("Below their usual price", about="The same kind of thing at a lower price")

KINDS = (
    ModuleKind(
        name="step_up",
        pool=DEARER,
        words=Words("The same kind of thing, one step finer"),
        subject=anchor_of,
        close=True,
    ),
    ModuleKind(
        name="better_price",
        pool=CHEAPER,
        words=_BELOW_USUAL,
        subject=anchor_of,
        evidence=_hesitates,
        close=True,
        untied=ModuleKind(name="better_price", pool=REDUCED, words=_BELOW_USUAL, variety=True),
    ),
)
