"""Module kinds related to one item or cart: items like it, and items that others bought with it."""

import cython
from cython.cimports.libc.math import exp

from models import use_compiled
from models.layout.kind_traits import Traits, Words

if not cython.compiled:
    from models.candidates.sources import source_bit
    from models.candidates.visit import PAGE_CART, PAGE_HOME, PAGE_PRODUCT, Visit
    from models.catalog.columns import Columns
    from models.layout.context import PageContext
    from models.layout.fills.page_fills import NO_SUBJECT, PageFills
    from models.layout.kinds.candidates import ScoredCandidates
    from models.layout.kinds.kind import AboutAnchor, ModuleKind, Pool, ProposedPool, cart_evidence
    from models.storefront.columns import ViewColumns

_NEIGHBOURS_BIT = cython.declare(cython.ulonglong, source_bit("neighbours"))
LAST_VIEW_WEIGHT = cython.declare(cython.double, 1.2)
"""Evidence for the item just viewed, in standard deviations of scores. Own heuristic, not tuned on data."""
LAST_VIEW_TIME_CONSTANT_S = cython.declare(cython.double, 600.0)
"""T of the decay exp(-t / T), t seconds since the view. Own choice, not tuned."""


@cython.final
@cython.cclass
class SimilarPool(Pool):
    """Items of the anchor's category; then those of others that were viewed together with the anchor."""

    @cython.ccall
    def collect(self, candidates: ScoredCandidates) -> cython.void:
        candidates.add_marked(candidates.similar)
        if candidates.context.anchor_row >= 0:
            self._mark_co_viewed(candidates, candidates.context.anchor_row)
            candidates.add_marked(candidates.marks)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _mark_co_viewed(self, candidates: ScoredCandidates, anchor: cython.int) -> cython.void:
        """Marks the neighbours of the anchor that `neighbours` proposed and that are not similar."""
        columns: Columns = candidates.columns
        i: cython.int
        j: cython.int
        for i in range(candidates.count):
            candidates.marks[i] = 0
        for j in range(columns.co_viewed.shape[1]):
            i = candidates.index_of(columns.co_viewed[anchor, j])
            if i >= 0 and candidates.sources[i] & _NEIGHBOURS_BIT and not candidates.similar[i]:
                candidates.marks[i] = 1


@cython.final
@cython.cclass
class BecauseYouViewed(AboutAnchor):
    """About the anchor; more so the more recent the last view."""

    @cython.ccall
    def evidence(self, context: PageContext) -> cython.double:
        """LAST_VIEW_WEIGHT · exp(-t / T) on the home page, t seconds after the last view; 0 elsewhere."""
        visit: Visit = context.visit
        if not visit.state.recent_count or visit.page != PAGE_HOME:
            return 0.0
        since: cython.double = visit.at - visit.state.recent_at[0]
        return LAST_VIEW_WEIGHT * exp(-(since if since > 0.0 else 0.0) / LAST_VIEW_TIME_CONSTANT_S)

    @cython.ccall
    def about_holds(self, columns: ViewColumns, fills: PageFills, index: cython.int) -> cython.bint:
        """Whether more than half of the items are of the subject's category; true without a subject."""
        subject: cython.longlong = fills.subjects[index]
        if subject < 0:
            return True
        own: cython.int = 0
        at: cython.int
        for at in range(fills.starts[index], fills.starts[index + 1]):
            own += columns.category[fills.rows[at]] == columns.category[subject]
        return 2 * own > fills.starts[index + 1] - fills.starts[index]


@cython.final
@cython.cclass
class BoughtTogether(ModuleKind):
    """About the item whose co-purchases are shown."""

    @cython.ccall
    def subject(self, context: PageContext) -> cython.longlong:
        """That of the page, else of the cart, else the last one bought."""
        visit: Visit = context.visit
        if visit.page in (PAGE_PRODUCT, PAGE_CART):
            return context.anchor_row
        if context.cart_count:
            return context.cart[0]
        return visit.bought_rows[0] if visit.state.bought_count else NO_SUBJECT

    @cython.ccall
    def evidence(self, context: PageContext) -> cython.double:
        return cart_evidence(context)


RELATED_KINDS = (
    BecauseYouViewed(
        "because_you_viewed",
        SimilarPool("similar"),
        Words(
            "Close to what you looked at",
            about="The same kind of thing, your likely favourites first",
            stranger="The same kind of thing, shoppers' favourites first",
            mixed="Others looked at these together with it",
        ),
        Traits(single_topic=True),
    ),
    BoughtTogether(
        "bought_together",
        ProposedPool("bought_together", source_bit("bought_together")),
        Words("From other shoppers' baskets", about="Others bought these with {it}"),
    ),
)

if not cython.compiled:
    use_compiled(globals())
