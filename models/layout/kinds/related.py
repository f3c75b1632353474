"""Module kinds related to one item or cart: items like it, and items that others bought with it."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from models.layout.context import PageContext
from models.layout.fills import NO_SUBJECT
from models.layout.kinds.kind import (
    CandidateBatch,
    Mask,
    ModuleKind,
    Pool,
    Words,
    anchor_subject,
    cart_evidence,
)
from models.storefront.view import StorefrontView

LAST_VIEW_WEIGHT = 1.2
"""Evidence for the item just viewed, in standard deviations of scores. Own heuristic, not tuned on data."""
LAST_VIEW_TIME_CONSTANT_S = 600.0
"""T of the decay exp(-t / T), t seconds since the view. Own choice, not tuned."""


def _co_viewed_mask(batch: CandidateBatch) -> Mask:
    """Items of other categories that were viewed together with the anchor itself."""
    co_viewed: Mask = ~batch.same_category & batch.proposed_by("neighbours")
    indices = co_viewed.nonzero()[0]
    anchors = batch.anchors.take(batch.page_index.take(indices))
    together = (batch.table.co_viewed.take(anchors, axis=0) == batch.rows.take(indices)[:, None]).any(axis=1)
    co_viewed[indices] = together & (anchors >= 0)
    return co_viewed


SIMILAR = Pool("similar", mask=lambda batch: batch.same_category, spare_mask=_co_viewed_mask)
BOUGHT_TOGETHER = Pool("bought_together", mask=lambda batch: batch.proposed_by("bought_together"))


def _basket_subject(context: PageContext) -> int:
    """The item whose co-purchases are shown: that of the page, else of the cart, else the last one bought."""
    if context.plan.page in ("product", "cart"):
        return context.anchor_row
    return next(iter((*context.cart, *context.owned[:1])), NO_SUBJECT)


def _last_view_evidence(context: PageContext, at: float) -> float:
    """LAST_VIEW_WEIGHT · exp(-t / T) on the home page, t seconds after the last view; 0 on other pages."""
    recent = context.state.recent
    if not recent or context.plan.page != "home":
        return 0.0
    return LAST_VIEW_WEIGHT * exp(-max(0.0, at - recent[0].at) / LAST_VIEW_TIME_CONSTANT_S)


def _is_mostly_of_category(view: StorefrontView, subject: int, rows: Sequence[int]) -> bool:
    """Whether more than half of the items are of the subject's category; true without a subject."""
    if subject < 0:
        return True
    codes = view.category_codes
    own = codes[subject]
    return 2 * [codes[row] for row in rows].count(own) > len(rows)


KINDS = (
    ModuleKind(
        name="because_you_viewed",
        pool=SIMILAR,
        words=Words(
            "Close to what you looked at",
            about="The same kind of thing, your likely favourites first",
            stranger="The same kind of thing, shoppers' favourites first",
            mixed="Others looked at these together with it",
        ),
        subject=anchor_subject,
        evidence=_last_view_evidence,
        about_holds=_is_mostly_of_category,
        single_topic=True,
    ),
    ModuleKind(
        name="bought_together",
        pool=BOUGHT_TOGETHER,
        words=Words("From other shoppers' baskets", about="Others bought these with {it}"),
        subject=_basket_subject,
        evidence=cart_evidence,
    ),
)
