"""Kinds about one item or basket: what is like it, and what others bought with it."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from models.layout.context import PageContext
from models.layout.fills import NO_SUBJECT
from models.layout.kinds.kind import CandidateBatch, Mask, ModuleKind, Pool, Words
from models.storefront.view import StorefrontView

JUST_LOOKED = 1.2
"""For what answers the click just made; gone after some minutes. Own heuristic, not tuned on data."""
JUST_LOOKED_S = 600.0
CART_WEIGHT = 0.6
"""For what speaks of a cart that is not empty. Own heuristic, not tuned on data."""


def _seen_together(batch: CandidateBatch) -> Mask:
    """Looked at together with the anchor itself, though of another category."""
    seen: Mask = ~batch.same_category & batch.proposed_by("neighbours")
    which = seen.nonzero()[0]
    anchors = batch.anchors.take(batch.owner.take(which))
    together = (batch.table.co_viewed.take(anchors, axis=0) == batch.rows.take(which)[:, None]).any(axis=1)
    seen[which] = together & (anchors >= 0)
    return seen


SIMILAR = Pool("similar", mask=lambda batch: batch.same_category, after=_seen_together)
BOUGHT_TOGETHER = Pool("bought_together", mask=lambda batch: batch.proposed_by("bought_together"))


def anchor_of(context: PageContext) -> int:
    """The row that the page or the visitor's last look is about; -1 (NO_SUBJECT) for none."""
    return context.anchor


def _basket(context: PageContext) -> int:
    """What others bought these with: the item of the page, else of the cart, else the last one bought."""
    if context.plan.page in ("product", "cart"):
        return context.anchor
    return next(iter((*context.cart, *context.owned[:1])), NO_SUBJECT)


def _just_looked(context: PageContext, at: float) -> float:
    recent = context.state.recent
    if not recent or context.plan.page != "home":
        return 0.0
    return JUST_LOOKED * exp(-max(0.0, at - recent[0].at) / JUST_LOOKED_S)


def has_cart(context: PageContext, at: float) -> float:
    """CART_WEIGHT while there is something in the cart."""
    return CART_WEIGHT if context.state.cart else 0.0


def _most_of_category(view: StorefrontView, subject: int, rows: Sequence[int]) -> bool:
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
        subject=anchor_of,
        evidence=_just_looked,
        holds=_most_of_category,
        close=True,
    ),
    ModuleKind(
        name="bought_together",
        pool=BOUGHT_TOGETHER,
        words=Words("From other shoppers' baskets", about="Others bought these with {it}"),
        subject=_basket,
        evidence=has_cart,
    ),
)
