"""Module kinds that show items the visitor knows already, in the visitor's order: the cart, recent views."""

import cython

from models import use_compiled
from models.layout.kind_traits import Traits, Words

if not cython.compiled:
    from models.layout.context import PageContext
    from models.layout.kinds.candidates import ScoredCandidates
    from models.layout.kinds.kind import ModuleKind, Pool, cart_evidence

RECENT_WEIGHT = cython.declare(cython.double, 0.1)
"""For each of up to RECENT_COUNTED items viewed. Own heuristic, not tuned on data."""
RECENT_COUNTED = cython.declare(cython.int, 6)


@cython.final
@cython.cclass
class RecentPool(Pool):
    """Items viewed, newest first, without those in the cart."""

    @cython.ccall
    def collect(self, candidates: ScoredCandidates) -> cython.void:
        context: PageContext = candidates.context
        i: cython.int
        j: cython.int
        for i in range(context.recent_count):
            in_cart: cython.bint = False
            for j in range(context.cart_count):
                in_cart = in_cart or context.cart[j] == context.recent[i]
            if not in_cart:
                candidates.add_row(context.recent[i])


@cython.final
@cython.cclass
class CartPool(Pool):
    """Items in the cart."""

    @cython.ccall
    def collect(self, candidates: ScoredCandidates) -> cython.void:
        i: cython.int
        for i in range(candidates.context.cart_count):
            candidates.add_row(candidates.context.cart[i])


@cython.final
@cython.cclass
class RecentlyViewed(ModuleKind):
    """The more there is to go back to, the higher."""

    @cython.ccall
    def evidence(self, context: PageContext) -> cython.double:
        return RECENT_WEIGHT * min(context.recent_count, RECENT_COUNTED)


@cython.final
@cython.cclass
class FromCart(ModuleKind):
    """Higher while there is something in the cart."""

    @cython.ccall
    def evidence(self, context: PageContext) -> cython.double:
        return cart_evidence(context)


HISTORY_KINDS = (
    RecentlyViewed(
        "recently_viewed", RecentPool("recent"), Words("So that you find your way back"), Traits(known=True)
    ),
    FromCart("from_cart", CartPool("cart"), Words("Ready when you are"), Traits(known=True)),
)

if not cython.compiled:
    use_compiled(globals())
