"""Module kinds that list: the items of a category, and the results of a search."""

import cython
import numpy as np

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
RANKS_PER_SCORE = cython.declare(cython.double, 8.0)
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
        if candidates.context.query:
            add_by_words(candidates)
        else:
            candidates.add_proposed(_SUBJECT_BIT)


@cython.cfunc
def add_by_words(candidates: ScoredCandidates) -> cython.void:
    """Adds what the search proposed, sorted as (words missed, rank in the search less score, row)."""
    context: PageContext = candidates.context
    most: cython.int = context.visit.page_row_count
    found = np.empty(most, np.int32)
    keys = np.empty((3, most))
    indexes: cython.int[::1] = found.data
    out: cython.double[:, ::1] = keys.data
    count: cython.int = 0
    rank: cython.int
    for rank in range(most):
        row: cython.int = context.visit.page_rows[rank]
        index: cython.int = candidates.index_of(row)
        if index >= 0 and candidates.sources[index] & _SUBJECT_BIT:
            indexes[count] = index
            out[0, count] = row
            out[1, count] = rank / RANKS_PER_SCORE - candidates.scores[index]
            out[2, count] = -context.word_counts[rank]
            count += 1
    for place in np.lexsort(keys[:, :count]).tolist():
        candidates.add(indexes[place])


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
