"""Module kinds about prices: a step up, a better price, and what is reduced."""

from __future__ import annotations

from models.catalog.orderings import CHEAPER_MAX_FACTOR, DEARER_MIN_FACTOR, PRICE_RATIO_MAX
from models.layout.context import PageContext
from models.layout.kinds.kind import CandidateBatch, Mask, ModuleKind, Pool, Words, anchor_subject

REDUCED_SHARE = 0.92
"""An item counts as reduced when its price is at most this share of its list price. Own choice, not tuned."""
HESITATION_WEIGHT = 0.5
"""For a cheaper alternative when items are looked at again or carts are left. Own heuristic, not tuned."""
HESITATION_MAX = 3
"""Returns and carts left, added, from which the weight counts in full. Own choice, not tuned."""


def _dearer_mask(batch: CandidateBatch) -> Mask:
    """Items of the anchor's category at DEARER_MIN_FACTOR to PRICE_RATIO_MAX times its price."""
    ratio = batch.price_ratio
    dearer: Mask = batch.same_category & (ratio >= DEARER_MIN_FACTOR) & (ratio <= PRICE_RATIO_MAX)
    return dearer


def _cheaper_mask(batch: CandidateBatch) -> Mask:
    """Items of the anchor's category at 1/PRICE_RATIO_MAX to CHEAPER_MAX_FACTOR times its price."""
    ratio = batch.price_ratio
    cheaper: Mask = batch.same_category & (ratio <= CHEAPER_MAX_FACTOR) & (ratio >= 1 / PRICE_RATIO_MAX)
    return cheaper


def _reduced_mask(batch: CandidateBatch) -> Mask:
    reduced: Mask = batch.price <= batch.table.list_price.take(batch.rows) * REDUCED_SHARE
    return reduced


DEARER = Pool("step_up", mask=_dearer_mask)
CHEAPER = Pool("better_price", mask=_cheaper_mask)
REDUCED = Pool("reduced", mask=_reduced_mask)


def _hesitation_evidence(context: PageContext, at: float) -> float:
    """Rises with returns to an item in this session and with carts left unbought."""
    state = context.state
    return HESITATION_WEIGHT * min(1.0, (state.returns_to_item + state.carts_left) / HESITATION_MAX)


_BELOW_USUAL = Words("Below their usual price", about="The same kind of thing at a lower price")

KINDS = (
    ModuleKind(
        name="step_up",
        pool=DEARER,
        words=Words("The same kind of thing, one step finer"),
        subject=anchor_subject,
        single_topic=True,
    ),
    ModuleKind(
        name="better_price",
        pool=CHEAPER,
        words=_BELOW_USUAL,
        subject=anchor_subject,
        evidence=_hesitation_evidence,
        single_topic=True,
        without_item=ModuleKind(name="better_price", pool=REDUCED, words=_BELOW_USUAL, variety=True),
    ),
)
