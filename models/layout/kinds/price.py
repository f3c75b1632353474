"""Module kinds about prices: a step up, a better price, and what is reduced."""

import cython

from models import use_compiled
from models.catalog.orderings import CHEAPER_MAX_FACTOR, DEARER_MIN_FACTOR, PRICE_RATIO_MAX
from models.layout.kind_traits import Traits, Words

if not cython.compiled:
    from models.catalog.columns import Columns, single
    from models.layout.context import PageContext
    from models.layout.kinds.candidates import ScoredCandidates
    from models.layout.kinds.kind import AboutAnchor, ModuleKind, Pool
    from models.visitor.typed_state import TypedState

REDUCED_SHARE = cython.declare(cython.double, 0.92)
"""An item counts as reduced when its price is at most this share of its list price. Own choice, not tuned."""
HESITATION_WEIGHT = cython.declare(cython.double, 0.5)
"""For a cheaper alternative when items are looked at again or carts are left. Own heuristic, not tuned."""
HESITATION_MAX = cython.declare(cython.double, 3)
"""Returns and carts left, added, from which the weight counts in full. Own choice, not tuned."""


@cython.final
@cython.cclass
class PriceRangePool(Pool):
    """Items of the anchor's category whose price over that of the anchor lies within bounds (as float32);
    none when that is free."""

    _low: cython.double
    _high: cython.double

    def __init__(self, name: str, low: float, high: float) -> None:
        Pool.__init__(self, name)
        self._low, self._high = low, high

    @cython.ccall
    def collect(self, candidates: ScoredCandidates) -> cython.void:
        i: cython.int
        low: cython.double = single(self._low)
        high: cython.double = single(self._high)
        if candidates.anchor_price <= 0.0:  # nothing is so many times the price of a free item
            return
        for i in range(candidates.count):
            price: cython.double = candidates.columns.price[candidates.rows[i]]
            ratio: cython.double = single(price / candidates.anchor_price)
            candidates.marks[i] = candidates.similar[i] & (low <= ratio) & (ratio <= high)
        candidates.add_marked(candidates.marks)


@cython.final
@cython.cclass
class ReducedPool(Pool):
    """Items at REDUCED_SHARE of their list price or less."""

    @cython.ccall
    def collect(self, candidates: ScoredCandidates) -> cython.void:
        columns: Columns = candidates.columns
        share: cython.double = single(REDUCED_SHARE)
        i: cython.int
        for i in range(candidates.count):
            row: cython.int = candidates.rows[i]
            candidates.marks[i] = columns.price[row] <= single(columns.list_price[row] * share)
        candidates.add_marked(candidates.marks)


@cython.final
@cython.cclass
class BetterPrice(AboutAnchor):
    """About the anchor; more so the more the visitor hesitates."""

    @cython.ccall
    def evidence(self, context: PageContext) -> cython.double:
        """Rises with returns to an item in this session and with carts left unbought."""
        state: TypedState = context.visit.state
        hesitation: cython.double = (state.returns_to_item + state.carts_left) / HESITATION_MAX
        return HESITATION_WEIGHT * (hesitation if hesitation < 1.0 else 1.0)


_BELOW_USUAL = Words("Below their usual price", about="The same kind of thing at a lower price")
PRICE_KINDS = (
    AboutAnchor(
        "step_up",
        PriceRangePool("step_up", DEARER_MIN_FACTOR, PRICE_RATIO_MAX),
        Words("The same kind of thing, one step finer"),
        Traits(single_topic=True),
    ),
    BetterPrice(
        "better_price",
        PriceRangePool("better_price", 1 / PRICE_RATIO_MAX, CHEAPER_MAX_FACTOR),
        _BELOW_USUAL,
        Traits(single_topic=True),
        without_item=ModuleKind("better_price", ReducedPool("reduced"), _BELOW_USUAL, Traits(variety=True)),
    ),
)

if not cython.compiled:
    use_compiled(globals())
