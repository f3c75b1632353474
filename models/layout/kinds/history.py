"""Module kinds that show items the visitor knows already, in the visitor's order: the cart, recent views."""

from __future__ import annotations

from models.layout.context import PageContext
from models.layout.kinds.kind import ModuleKind, Pool, Words, cart_evidence

RECENT_WEIGHT = 0.1
"""For each of up to RECENT_MAX items viewed. Own heuristic, not tuned on data."""
RECENT_MAX = 6


def _recent_rows(context: PageContext) -> list[int]:
    """Items viewed, newest first, without those in the cart."""
    cart = context.cart
    return [row for row in context.recent if row not in cart]


RECENT = Pool("recent", own=_recent_rows)
CART = Pool("cart", own=lambda context: context.cart)


def _views_evidence(context: PageContext, at: float) -> float:
    return RECENT_WEIGHT * min(len(context.recent), RECENT_MAX)


KINDS = (
    ModuleKind(
        name="recently_viewed",
        pool=RECENT,
        words=Words("So that you find your way back"),
        evidence=_views_evidence,
        known=True,
    ),
    ModuleKind(
        name="from_cart", pool=CART, words=Words("Ready when you are"), evidence=cart_evidence, known=True
    ),
)
