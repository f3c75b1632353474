"""Module kinds that list: the items of a category, and the results of a search."""

from typing import Any

import cython

from models import use_compiled
from models.layout.kind_traits import Traits, Words
from schemas.ids import hash32

if not cython.compiled:
    from models.candidates.sources import source_bit
    from models.candidates.visit import PAGE_CATEGORY
    from models.layout.context import PageContext
    from models.layout.fills.page_fills import NO_SUBJECT, hash_subject
    from models.layout.kinds.candidates import ScoredCandidates
    from models.layout.kinds.kind import ModuleKind, Pool

_SUBJECT_BIT = cython.declare(cython.ulonglong, source_bit("subject"))
RANKS_PER_SCORE = 8.0
"""How many ranks of a search result one standard deviation of score is worth. Own choice, not tuned."""


@cython.final
@cython.cclass
class CategoryPool(Pool):
    """Items of the focus category; on a category page what it lists, whatever the category's level."""

    @cython.ccall
    def collect(self, candidates: ScoredCandidates) -> cython.void:
        if candidates.context.visit.page == PAGE_CATEGORY:
            candidates.add_proposed(_SUBJECT_BIT)
        else:
            candidates.add_marked(candidates.in_focus)


@cython.final
@cython.cclass
class ResultsPool(Pool):
    """Search results: those with most words of the query first, then by rank, moved by their scores."""

    @cython.ccall
    def collect(self, candidates: ScoredCandidates) -> cython.void:
        found = [i for i in range(candidates.count) if candidates.sources[i] & _SUBJECT_BIT]
        if found and candidates.context.query:
            found = _order_by_words(candidates, found)
        for i in found:
            candidates.add(i)


def _order_by_words(candidates: ScoredCandidates, found: list[Any]) -> list[Any]:
    """Indexes of candidates in the order of the search: sorted as (words missed, rank less score, row)."""
    context: PageContext = candidates.context
    rank: dict[Any, Any] = {context.visit.page_rows[i]: i for i in range(context.visit.page_row_count)}
    keyed: list[Any] = []
    i: cython.int
    row: cython.int
    for i in found:
        row = candidates.rows[i]
        moved = rank[row] / RANKS_PER_SCORE - candidates.scores[i]
        keyed.append((-context.word_counts.get(row, 0), moved, row, i))
    return [i for _, _, _, i in sorted(keyed)]


@cython.final
@cython.cclass
class CategoryGrid(ModuleKind):
    """About the focus category."""

    @cython.ccall
    def subject(self, context: PageContext) -> cython.longlong:
        return hash_subject(context.focus_category) if context.focus_category else NO_SUBJECT


@cython.final
@cython.cclass
class SearchResults(ModuleKind):
    """About the query."""

    @cython.ccall
    def subject(self, context: PageContext) -> cython.longlong:
        return hash_subject(hash32(context.query)) if context.query else NO_SUBJECT


LISTING_KINDS = (
    CategoryGrid(
        "category_grid",
        CategoryPool("category"),
        Words("Your likely favourites first", stranger="Shoppers' favourites first"),
        Traits(lists="category", single_topic=True),
    ),
    SearchResults(
        "search_results",
        ResultsPool("results"),
        Words("Best matches first"),
        Traits(lists="search", stable=False),  # in the order of the words, not of the scores
    ),
)

if not cython.compiled:
    use_compiled(globals())
