"""Module kinds that list: the items of a category, and the results of a search."""

from collections import Counter

import cython

from models import use_compiled
from models.catalog.search import tokenise
from models.visitor.affinities import label_key

if not cython.compiled:
    from models.candidates.sources import SUBJECT_BIT
    from models.candidates.visit import PAGE_CATEGORY
    from models.layout.context import PageContext
    from models.layout.fills.page_fills import NO_SUBJECT, hash_subject
    from models.layout.kinds.candidates import ScoredCandidates
    from models.layout.kinds.kind import ModuleKind, Pool, Words

RANKS_PER_SCORE = 8.0
"""How many ranks of a search result one standard deviation of score is worth. Own choice, not tuned."""


@cython.final
@cython.cclass
class CategoryPool(Pool):
    """Items of the focus category; on a category page what it lists, whatever the category's level."""

    @cython.ccall
    def collect(self, candidates: ScoredCandidates) -> cython.void:
        i: cython.int
        if candidates.context.visit.page == PAGE_CATEGORY:
            candidates.add_proposed(SUBJECT_BIT)
            return
        for i in range(candidates.count):
            if candidates.is_in_focus(i):
                candidates.add(i)


@cython.final
@cython.cclass
class ResultsPool(Pool):
    """Search results: those with most words of the query first, then by rank, moved by their scores."""

    @cython.ccall
    def collect(self, candidates: ScoredCandidates) -> cython.void:
        found = [i for i in range(candidates.count) if candidates.sources[i] & SUBJECT_BIT]
        if found and candidates.context.query:
            found = _order_by_words(candidates, found)
        for i in found:
            candidates.add(i)


def _order_by_words(candidates: ScoredCandidates, found: list[int]) -> list[int]:
    context = candidates.context
    words = context.visit.words
    hits = Counter(row for word in set(tokenise(context.query)) for row in words.get(word, ()))
    visit = context.visit
    rank = {visit.page_rows[i]: i for i in range(visit.page_row_count)}
    keyed = [
        (-hits[candidates.rows[i]], rank[candidates.rows[i]] / RANKS_PER_SCORE - candidates.scores[i], candidates.rows[i], i)
        for i in found
    ]
    return [i for *_, i in sorted(keyed)]


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
        return hash_subject(label_key(context.query)) if context.query else NO_SUBJECT


LISTING_KINDS = (
    CategoryGrid(
        "category_grid",
        CategoryPool("category"),
        Words("Your likely favourites first", stranger="Shoppers' favourites first"),
        lists="category",
        single_topic=True,
    ),
    SearchResults(
        "search_results",
        ResultsPool("results"),
        Words("Best matches first"),
        lists="search",
        stable=False,  # in the order of the words, not of the scores
    ),
)

if not cython.compiled:
    use_compiled(globals())
