"""Module ranking: which modules a page can offer a visitor, what each is about, and in which order they come.

A module's score is on the scale of standardised item scores. It adds the merchandiser's prior, the lead score
of its items, the evidence of the visitor's last actions for its kind, and how often the visitor answered it.
"""

import cython
import numpy as np

from models import use_compiled

if not cython.compiled:
    from models.layout.context import PageContext
    from models.layout.fills.page_fills import NO_SUBJECT
    from models.layout.kinds.candidates import ScoredCandidates
    from models.layout.kinds.kind import ModuleKind
    from models.storefront.columns import PageColumns
    from models.visitor.typed_state import TypedState

LISTING_SCORE = cython.declare(cython.double, 100.0)
"""Added for a page's own listing, which so comes first: nobody opens a category to see bestsellers."""
LEAD_WEIGHT = cython.declare(cython.double, 0.15)
"""Weight of a pool's lead score, which is the sum of two item scores: 0.3 of their mean."""
ANSWER_WEIGHT = cython.declare(cython.double, 0.8)
"""Difference of score between a module always answered and one never answered by this visitor."""
PRIOR_ANSWER_RATE = cython.declare(cython.double, 0.1)
"""Prior share of showings that are answered, assumed before there is evidence."""
PRIOR_SHOWINGS = cython.declare(cython.double, 10.0)
"""Weight of that prior, in showings. All weights here are an own heuristic, not tuned on data."""


@cython.final
@cython.cclass
class ModuleRanking:
    """The modules of a page that can be offered, the highest score first. Made once and used again.

    Attributes:
        count: How many.
        modules: Index of each in the page's modules.
        subjects: What each is about (see Fill).
        scores: Of each.
    """

    count: cython.int
    modules: cython.int[::1]
    subjects: cython.longlong[::1]
    scores: cython.double[::1]

    def __init__(self) -> None:
        self.count = 0
        self._widen(16)

    @cython.cfunc
    def _widen(self, size: cython.int) -> cython.void:
        self.modules = np.zeros(size, np.int32).data
        self.subjects = np.zeros(size, np.int64).data
        self.scores = np.zeros(size, np.float64).data

    @cython.ccall
    def rank(self, context: PageContext, candidates: ScoredCandidates) -> cython.void:
        """Ranks the modules of a page; equal scores by number.

        A module is offered when its pool holds its minimum of items, it has a subject if its title names one,
        and the visitor did not dismiss it.

        Complexity: O(modules²), with few modules a page.

        Reference: Own heuristic, not tuned on data.
        """
        page: PageColumns = context.page
        i: cython.int
        self.count = 0
        if self.modules.shape[0] < page.module_count:
            self._widen(page.module_count)
        for i in range(page.module_count):
            if candidates.sizes[page.pool_of[i]] < max(1, page.items_min[i]):
                continue
            kind: ModuleKind = page.kinds[i]
            subject: cython.longlong = kind.subject(context)
            if subject == NO_SUBJECT and page.named[i]:
                continue
            if _is_dismissed(context.visit.state, page.module_hashes[i]):
                continue
            score: cython.double = page.prior_scores[i] + kind.evidence(context)
            if not kind.known:
                score += LEAD_WEIGHT * candidates.lead_scores[page.pool_of[i]]
            if kind.lists == page.page:
                score += LISTING_SCORE
            score += _answer_score(context.visit.state, page.module_hashes[i])
            self._insert(i, subject, score)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _insert(self, module: cython.int, subject: cython.longlong, score: cython.double) -> cython.void:
        """Puts a module behind those whose score is not lower: modules come by number."""
        at: cython.int = self.count
        while at > 0 and self.scores[at - 1] < score:
            self.modules[at], self.subjects[at] = self.modules[at - 1], self.subjects[at - 1]
            self.scores[at] = self.scores[at - 1]
            at -= 1
        self.modules[at], self.subjects[at], self.scores[at] = module, subject, score
        self.count += 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def remove(self, index: cython.int) -> cython.void:
        """Removes the module at an index."""
        i: cython.int
        self.count -= 1
        for i in range(index, self.count):
            self.modules[i], self.subjects[i] = self.modules[i + 1], self.subjects[i + 1]
            self.scores[i] = self.scores[i + 1]


@cython.cfunc
@cython.exceptval(check=False)
def _is_dismissed(state: TypedState, module: cython.longlong) -> cython.bint:
    i: cython.int
    for i in range(state.dismissed_count):
        if state.dismissed_keys[i] == module:
            return True
    return False


@cython.cfunc
@cython.exceptval(check=False)
def _answer_score(state: TypedState, module: cython.longlong) -> cython.double:
    """How far this visitor's rate of answering the module is from the prior rate; 0 when never shown.

    The rate is the posterior mean under a Beta prior with mean PRIOR_ANSWER_RATE and weight PRIOR_SHOWINGS.
    """
    i: cython.int
    for i in range(state.promotion_count):
        if state.promotion_keys[i] == module and state.promotion_seen[i]:
            rate: cython.double = (state.promotion_answered[i] + PRIOR_ANSWER_RATE * PRIOR_SHOWINGS) / (
                state.promotion_seen[i] + PRIOR_SHOWINGS
            )
            return ANSWER_WEIGHT * (rate - PRIOR_ANSWER_RATE)
    return 0.0


if not cython.compiled:
    use_compiled(globals())
