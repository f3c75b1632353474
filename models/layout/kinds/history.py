"""Kinds that show what the visitor knows already, in its own order: the cart, and what was looked at."""

from __future__ import annotations

from models.layout.context import PageContext
from models.layout.kinds.kind import ModuleKind, Pool, Words
from models.layout.kinds.similar import has_cart

RECENT_WEIGHT = 0.1
"""For each of up to RECENT_MAX items looked at. Own heuristic, not tuned on data."""
RECENT_MAX = 6


def _seen_not_in_cart(context: PageContext) -> list[int]:
    cart = context.cart
    return [row for row in context.recent if row not in cart]


RECENT = Pool("recent", own=_seen_not_in_cart)
CART = Pool("cart", own=lambda context: context.cart)


def _has_looked(context: PageContext, at: float) -> float:
    return RECENT_WEIGHT * min(len(context.recent), RECENT_MAX)


KINDS = (
    ModuleKind(
        name="recently_viewed",
        pool=RECENT,
        words=Words("So that you find your way back"),
        evidence=_has_looked,
        known=True,
    ),
    ModuleKind(name="from_cart", pool=CART, words=Words("Ready when you are"), evidence=has_cart, known=True),
)
