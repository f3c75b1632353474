"""Module kinds chosen by the ranker from all candidates: hero, recommended, and something different."""

import cython

from models import use_compiled
from models.layout.kind_traits import Traits, Words

if not cython.compiled:
    from models.layout.context import PageContext
    from models.layout.fills.page_fills import NO_SUBJECT, PageFills, hash_subject, subject_hash
    from models.layout.kinds.candidates import ScoredCandidates
    from models.layout.kinds.kind import ModuleKind, Pool
    from models.storefront.columns import ViewColumns


@cython.final
@cython.cclass
class EverythingPool(Pool):
    """All candidates."""

    @cython.ccall
    def collect(self, candidates: ScoredCandidates) -> cython.void:
        candidates.add_all()


@cython.final
@cython.cclass
class OtherPool(Pool):
    """Items neither of the focus category nor of the anchor's."""

    @cython.ccall
    def collect(self, candidates: ScoredCandidates) -> cython.void:
        i: cython.int
        for i in range(candidates.count):
            candidates.marks[i] = not (candidates.in_focus[i] | candidates.similar[i])
        candidates.add_marked(candidates.marks)


@cython.cfunc
def _known_subject(context: PageContext, category: cython.longlong) -> cython.longlong:
    """The subject of a category (hash32, 0 for none); NO_SUBJECT for a stranger."""
    return hash_subject(category) if context.visit.known and category else NO_SUBJECT


@cython.final
@cython.cclass
class AboutLatest(ModuleKind):
    """About the category of the last view; about nothing for a stranger."""

    @cython.ccall
    def subject(self, context: PageContext) -> cython.longlong:
        return _known_subject(context, context.anchor_category)

    @cython.ccall
    def about_holds(self, columns: ViewColumns, fills: PageFills, index: cython.int) -> cython.bint:
        """Whether the subject's category comes first and makes up half of the items, which a varied row
        seldom exceeds; true for other subjects."""
        subject: cython.longlong = fills.subjects[index]
        if subject >= NO_SUBJECT:
            return True
        start: cython.int = fills.starts[index]
        end: cython.int = fills.starts[index + 1]
        key: cython.longlong = subject_hash(subject)
        own: cython.int = 0
        at: cython.int
        for at in range(start, end):
            own += columns.category_hashes[columns.category[fills.rows[at]]] == key
        leads: cython.bint = (
            end > start and columns.category_hashes[columns.category[fills.rows[start]]] == key
        )
        return leads and 2 * own >= end - start


@cython.final
@cython.cclass
class AboutFocus(ModuleKind):
    """About the focus category; about nothing for a stranger."""

    @cython.ccall
    def subject(self, context: PageContext) -> cython.longlong:
        return _known_subject(context, context.focus_category)


EVERYTHING = EverythingPool("all")
PERSONAL_KINDS = (
    AboutLatest(
        "hero",
        EVERYTHING,
        Words(
            "A mix of what you like",
            about="Because {it} caught your eye",
            stranger="What other shoppers like most",
        ),
        Traits(variety=True, spare="by_popularity"),
    ),
    AboutLatest(
        "recommended",
        EVERYTHING,
        Words(
            "From all that you seem to like",
            about="You seem to like {it}",
            stranger="A bit of everything that shoppers like",
        ),
        Traits(variety=True, spare="by_popularity"),
    ),
    AboutFocus(
        "discover",
        OtherPool("other"),
        Words("A change from the usual", about="A change from {it}", stranger="Others like these, too"),
        Traits(variety=True, spare="by_popularity"),
    ),
)

if not cython.compiled:
    use_compiled(globals())
