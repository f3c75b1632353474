"""Candidate sources that follow the affinities of the visitor: strongest categories and brands."""

import cython

from models import use_compiled

if not cython.compiled:
    from models.candidates.source import Source
    from models.candidates.visit import Visit
    from models.visitor.sessions import SESSION_GAP_S
    from models.visitor.typed_state import TypedState

# Own choices, not tuned: see models.candidates.sources.
CATEGORY_ROWS = cython.declare(cython.int, 14)
BRAND_ROWS = cython.declare(cython.int, 8)
SAME_CATEGORY_ROWS = cython.declare(cython.int, 40)
"""Items of the category of the item that a page is about."""


@cython.cclass
class TasteSource(Source):
    """The most popular of what the visitor likes most: two keys of the running session, two of all time."""

    _session_kind: cython.int
    _kind: cython.int

    def __init__(self, name: str, session_kind: int, kind: int) -> None:
        self.name = name
        self._session_kind, self._kind = session_kind, kind

    @cython.ccall
    def propose(self, visit: Visit) -> cython.void:
        first: cython.longlong = -1
        second: cython.longlong = -1
        if visit.at - visit.state.at <= SESSION_GAP_S:
            first = strongest_key(visit.state, self._session_kind, -1)
            second = strongest_key(visit.state, self._session_kind, first)
        third: cython.longlong = strongest_key(visit.state, self._kind, -1)
        fourth: cython.longlong = strongest_key(visit.state, self._kind, third)
        self.add_best(visit, first)
        self.add_best(visit, second)
        if third not in (first, second):
            self.add_best(visit, third)
        if fourth not in (first, second):
            self.add_best(visit, fourth)

    @cython.cfunc
    def add_best(self, visit: Visit, key: cython.longlong) -> cython.void:
        """Proposes the best rows of a key; -1 is none."""


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def is_stronger(state: TypedState, kind: cython.int, one: cython.int, other: cython.int) -> cython.bint:
    if state.codes[kind, one] != state.codes[kind, other]:
        return state.codes[kind, one] > state.codes[kind, other]
    return state.keys[kind, one] > state.keys[kind, other]


@cython.cfunc
@cython.exceptval(check=False)
def strongest_key(state: TypedState, kind: cython.int, other: cython.longlong) -> cython.longlong:
    """The heaviest key of a kind of affinity, but for one; -1 when there is none.

    Ties go by the key, so that the order of events does not matter.
    """
    best: cython.int = -1
    i: cython.int
    for i in range(state.sizes[kind]):
        if state.keys[kind, i] != other and (best < 0 or is_stronger(state, kind, i, best)):
            best = i
    return state.keys[kind, best] if best >= 0 else -1


@cython.final
@cython.cclass
class CategorySource(TasteSource):
    """The most popular of the visitor's strongest categories, and of the category of a page's item."""

    @cython.ccall
    def propose(self, visit: Visit) -> cython.void:
        TasteSource.propose(self, visit)
        if visit.about_count > 0:
            category: cython.int = visit.columns.category[visit.about[0]]
            self.add_category(visit, visit.columns.category_hashes[category], SAME_CATEGORY_ROWS)

    @cython.cfunc
    def add_best(self, visit: Visit, key: cython.longlong) -> cython.void:
        self.add_category(visit, key, CATEGORY_ROWS)

    @cython.cfunc
    def add_category(self, visit: Visit, key: cython.longlong, width: cython.int) -> cython.void:
        """Proposes the first rows of a category."""
        group: cython.int = visit.columns.category_groups.find(key)
        if group >= 0:
            start: cython.int = visit.columns.category_edges[group, 0]
            end: cython.int = visit.columns.category_edges[group, 1]
            visit.propose_span(visit.columns.category_rows, start, min(end, start + width))


@cython.final
@cython.cclass
class BrandSource(TasteSource):
    """The most popular of the visitor's strongest brands."""

    @cython.cfunc
    def add_best(self, visit: Visit, key: cython.longlong) -> cython.void:
        group: cython.int = visit.columns.brand_groups.find(key)
        if group >= 0:
            start: cython.int = visit.columns.brand_edges[group, 0]
            end: cython.int = visit.columns.brand_edges[group, 1]
            visit.propose_span(visit.columns.brand_rows, start, min(end, start + BRAND_ROWS))


if not cython.compiled:
    use_compiled(globals())
