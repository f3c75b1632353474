"""Candidate sources: each proposes items for one page of one visitor. One value of SOURCES is a whole source.

All row counts here are own choices, not tuned: they keep a visitor's candidates between one and two hundred.
"""

import cython

from models import use_compiled
from models.catalog.orderings import ALTERNATIVES

if not cython.compiled:
    from models.candidates.candidate_rows import ITSELF
    from models.candidates.source import Source
    from models.candidates.taste_sources import BrandSource, CategorySource
    from models.candidates.visit import SEEDS_MAX, Visit
    from models.visitor.state_fields import (
        KIND_BRANDS,
        KIND_CATEGORIES,
        KIND_NOW_BRANDS,
        KIND_NOW_CATEGORIES,
    )

CANDIDATES_WANTED = cython.declare(cython.int, 120)
"""Sources with `fill` (popular items) add items until there are about this many: a new
visitor's page must have something to choose from too. Own choice, not tuned."""
SOURCES_MAX = 63
"""As many as a mask has bits, but one for what the page itself is about."""
CO_VIEWED_ROWS = cython.declare(cython.int, 10)
"""Neighbours of each seed when there are SEEDS_MAX of them; fewer seeds share the same total."""
ALTERNATIVE_SEEDS = cython.declare(cython.int, 2)
"""Seeds whose cheaper and dearer alternatives are proposed."""
ALTERNATIVE_ROWS = cython.declare(cython.int, ALTERNATIVES)
CO_BOUGHT_ROWS = cython.declare(cython.int, 8)
TREND_ROWS = cython.declare(cython.int, 20)
NEW_ROWS = cython.declare(cython.int, 12)
POPULAR_ROWS = cython.declare(cython.int, 20)
SUBJECT_ROWS = cython.declare(cython.int, 120)
"""Items of what a category or search page lists."""


@cython.final
@cython.cclass
class NeighbourSource(Source):
    """Items viewed together with the seeds; the fewer the seeds, the more of each."""

    @cython.ccall
    def propose(self, visit: Visit) -> cython.void:
        i: cython.int
        for i in range(visit.seed_count):
            width: cython.int = SEEDS_MAX * CO_VIEWED_ROWS // visit.seed_count
            visit.propose_related(visit.columns.co_viewed, visit.seeds[i], width)


@cython.final
@cython.cclass
class TrendSource(Source):
    """What is viewed most these hours."""

    @cython.ccall
    def propose(self, visit: Visit) -> cython.void:
        visit.propose_span(visit.columns.by_trend, 0, TREND_ROWS)


@cython.final
@cython.cclass
class CoPurchaseSource(Source):
    """What was bought together with the basket."""

    @cython.ccall
    def propose(self, visit: Visit) -> cython.void:
        i: cython.int
        for i in range(min(visit.basket_count, SEEDS_MAX)):
            visit.propose_related(visit.columns.co_bought, visit.basket[i], CO_BOUGHT_ROWS)


@cython.final
@cython.cclass
class NewcomerSource(Source):
    """What came to the shop last."""

    @cython.ccall
    def propose(self, visit: Visit) -> cython.void:
        visit.propose_span(visit.columns.newcomers, 0, NEW_ROWS)


@cython.final
@cython.cclass
class CheaperSource(Source):
    """Cheaper alternatives to the first seeds."""

    @cython.ccall
    def propose(self, visit: Visit) -> cython.void:
        i: cython.int
        for i in range(min(visit.seed_count, ALTERNATIVE_SEEDS)):
            visit.propose_related(visit.columns.better_priced, visit.seeds[i], ALTERNATIVE_ROWS)


@cython.final
@cython.cclass
class DearerSource(Source):
    """Dearer alternatives to the first seeds."""

    @cython.ccall
    def propose(self, visit: Visit) -> cython.void:
        i: cython.int
        for i in range(min(visit.seed_count, ALTERNATIVE_SEEDS)):
            visit.propose_related(visit.columns.step_up, visit.seeds[i], ALTERNATIVE_ROWS)


@cython.final
@cython.cclass
class RecentSource(Source):
    """What the visitor viewed last."""

    @cython.ccall
    def propose(self, visit: Visit) -> cython.void:
        visit.propose_span(visit.recent_rows, 0, visit.state.recent_count)


@cython.final
@cython.cclass
class PopularSource(Source):
    """What is viewed most these weeks: as many as are missing."""

    @cython.ccall
    def fill(self, visit: Visit, missing: cython.int) -> cython.void:
        visit.propose_span(visit.columns.by_popularity, 0, max(POPULAR_ROWS, missing))


@cython.final
@cython.cclass
class SubjectSource(Source):
    """What a category or search page lists."""

    @cython.ccall
    def propose(self, visit: Visit) -> cython.void:
        if visit.about_count == 0:
            visit.propose_span(visit.page_rows, 0, min(visit.page_row_count, SUBJECT_ROWS))


@cython.final
@cython.cclass
class WishlistSource(Source):
    """What the visitor wishes for."""

    @cython.ccall
    def propose(self, visit: Visit) -> cython.void:
        visit.propose_span(visit.wishlist_rows, 0, visit.state.wishlist_count)


SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        NeighbourSource("neighbours"),
        CategorySource("category_taste", KIND_NOW_CATEGORIES, KIND_CATEGORIES),
        BrandSource("brand_taste", KIND_NOW_BRANDS, KIND_BRANDS),
        TrendSource("trending"),
        CoPurchaseSource("bought_together"),
        NewcomerSource("new"),
        CheaperSource("better_priced"),
        DearerSource("step_up"),
        RecentSource("recent"),
        PopularSource("popular"),
        SubjectSource("subject"),
        WishlistSource("wishlist"),
        Source("given"),  # rows that a caller named (candidates_from_rows)
    )
}
"""Name -> source. Explanations list them in this order, and a source's number in it is its bit in masks."""


@cython.ccall
def propose_candidates(visit: Visit, limit: cython.int) -> cython.void:
    """Fills the candidates of a visit by asking all sources.

    What a product or cart page itself is about is no candidate there.

    Args:
        visit: Begun, for a visitor and a page.
        limit: The most candidates; those that more sources proposed stay, then the more popular.

    Raises:
        ValueError: There are more than SOURCES_MAX sources, or the visit has not begun.

    Complexity: O(r) for about 200 rows that are proposed.

    Reference: Own heuristic, not tuned on data: the sources, their row counts, and the preference for rows
        that more sources proposed.
    """
    sources: dict[str, Source] = SOURCES
    source: Source
    number: cython.int
    if len(sources) > SOURCES_MAX:
        raise ValueError(f"at most {SOURCES_MAX} candidate sources fit a mask, these are {len(sources)}")
    if visit.columns is None:
        raise ValueError("a visit without a page has no candidates")
    visit.propose_as(ITSELF)
    visit.propose_span(visit.about, 0, visit.about_count)
    for number, source in enumerate(sources.values()):
        visit.propose_as(bit_of(number))
        source.propose(visit)
    missing: cython.int = CANDIDATES_WANTED - visit.proposed
    for number, source in enumerate(sources.values()):
        visit.propose_as(bit_of(number))
        source.fill(visit, missing)
    visit.settle(limit)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def bit_of(number: cython.int) -> cython.ulonglong:
    one: cython.ulonglong = 1
    return one << number


def source_bit(name: str) -> int:
    """The bit of a source in masks."""
    bit: int = bit_of(list(SOURCES).index(name))
    return bit


def sources_of(mask: int) -> list[str]:
    """The names of the sources in a mask, in the order of SOURCES."""
    return [name for number, name in enumerate(SOURCES) if mask >> number & 1]


if not cython.compiled:
    use_compiled(globals())
