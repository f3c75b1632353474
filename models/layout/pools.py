"""Candidate pools: a page's scored candidates in order, and which of them each module kind may show.

Scores are standardised within the page, so that margins and module scores mean the same for any ranker. Equal
scores are ordered by item id, as rows are.
"""

import cython
import numpy as np
from cython.cimports.libc.math import sqrt

from models import use_compiled

if cython.compiled:
    from cython.cimports.libc.math import rint
if not cython.compiled:
    from models.candidates.visit import Visit
    from models.catalog.columns import single
    from models.layout.context import PageContext
    from models.layout.kinds.candidates import POOL_CAPACITY, ScoredCandidates
    from models.layout.kinds.kind import Pool

SCORE_STEPS = cython.declare(cython.double, 10_000.0)
"""Standardised scores have four decimals. The last bits depend on how many rows a ranker was given at once,
and must not reorder a page."""
DEVIATION_MIN = cython.declare(cython.double, 1e-6)
"""A deviation below this counts as equal scores."""
BOOSTED_MAX = cython.declare(cython.double, 1e30)
"""No boosted score is higher, whatever the scale of the ranker: an infinite one has no place in an order."""
DIGIT_BITS = cython.declare(cython.int, 7)
DIGIT_MAX = cython.declare(cython.int, 127)
DIGITS = cython.declare(cython.int, 3)
INDEX_BITS = cython.declare(cython.int, 9)
INDEX_MAX = cython.declare(cython.int, 511)
"""A candidate is sorted as one number: DIGITS of its key, below them its index, less than POOL_CAPACITY."""
_KEY_OF_MEAN = cython.declare(cython.int, 1 << 20)
"""Keys fall with the score: of m candidates none is further than the root of m deviations from the mean."""


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def round_half_even(number: cython.double) -> cython.double:
    """The nearest whole number; of two equally near ones the even one. As numpy's `rint`."""
    return rint(number) if cython.compiled else float(round(number))


@cython.final
@cython.cclass
class PoolBuilder:
    """Puts a page's candidates in order and collects its pools. Made once and used again."""

    _places: cython.int[::1]
    _rows: cython.int[::1]
    _sources: cython.ulonglong[::1]
    _scores: cython.double[::1]
    _sorted: cython.int[::1]
    _other: cython.int[::1]
    _count: cython.int

    def __init__(self) -> None:
        self._places = np.zeros(POOL_CAPACITY, np.int32).data
        self._rows = np.zeros(POOL_CAPACITY, np.int32).data
        self._sources = np.zeros(POOL_CAPACITY, np.uint64).data
        self._scores = np.zeros(POOL_CAPACITY, np.float64).data
        self._sorted = np.zeros(POOL_CAPACITY, np.int32).data
        self._other = np.zeros(POOL_CAPACITY, np.int32).data
        self._count = 0

    @cython.ccall
    def build(
        self, context: PageContext, scores: cython.float[::1], first: cython.int, out: ScoredCandidates
    ) -> cython.void:
        """Fills `out` with the pools of a page.

        Args:
            context: The page; its candidates have the scores from `first` on.
            scores: float32, on the scale of the ranker.
            first: Index of the score of the page's first candidate.
            out: Filled: candidates that rules allow, best first, and their pools.

        Complexity: O(m log m) for m candidates, O(m) for each pool.
        """
        i: cython.int
        out.begin(context)
        self._select(context, scores, first)
        if context.page.boosted:
            self._boost(context)
        self._standardise()
        self._sort()
        for i in range(self._count):
            index: cython.int = self._sorted[i] & INDEX_MAX
            out.put(self._places[index], self._rows[index], self._scores[index], self._sources[index])
        self._collect(context, out)

    @cython.cfunc
    def _collect(self, context: PageContext, out: ScoredCandidates) -> cython.void:
        number: cython.int = 0
        pool: Pool
        for pool in context.page.pools:
            out.begin_pool(number)
            pool.collect(out)
            out.end_pool()
            number += 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def _select(self, context: PageContext, scores: cython.float[::1], first: cython.int) -> cython.void:
        """The candidates that rules allow."""
        visit: Visit = context.visit
        i: cython.int
        self._count = 0
        for i in range(min(visit.count, POOL_CAPACITY)):
            if context.page.allowed[visit.rows[i]]:
                self._places[self._count], self._scores[self._count] = i, scores[first + i]
                self._rows[self._count], self._sources[self._count] = visit.rows[i], visit.sources[i]
                self._count += 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def _boost(self, context: PageContext) -> cython.void:
        """Scores multiplied by their boost, counted from the page's lowest: so a factor means the same for
        any ranker. In float32, as scores are."""
        i: cython.int
        if not self._count:
            return
        lowest: cython.double = self._scores[0]
        for i in range(self._count):
            lowest = min(lowest, self._scores[i])
        for i in range(self._count):
            gap: cython.double = min(single(self._scores[i] - lowest), BOOSTED_MAX)
            self._scores[i] = min(single(gap * context.page.boost[self._rows[i]]), BOOSTED_MAX)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _standardise(self) -> cython.void:
        """Mean 0 and standard deviation 1, in whole SCORE_STEPS; equal scores all become 0."""
        i: cython.int
        count: cython.double = max(self._count, 1)
        total: cython.double = 0.0
        squares: cython.double = 0.0
        for i in range(self._count):
            total += self._scores[i]
        mean: cython.double = total / count
        for i in range(self._count):
            squares += (self._scores[i] - mean) * (self._scores[i] - mean)
        deviation: cython.double = sqrt(squares / count)
        if deviation < DEVIATION_MIN:
            deviation = 1.0
        for i in range(self._count):
            steps: cython.double = round_half_even((self._scores[i] - mean) / deviation * SCORE_STEPS)
            self._scores[i] = single(steps / SCORE_STEPS)
            self._sorted[i] = (_KEY_OF_MEAN - cython.cast(cython.int, steps)) << INDEX_BITS | i

    @cython.cfunc
    @cython.exceptval(check=False)
    def _sort(self) -> cython.void:
        """Puts `_sorted` into rising order: a radix sort by the digits of the keys, stable."""
        starts = cython.declare(cython.int[129])
        number: cython.int
        shift: cython.int
        i: cython.int
        digit: cython.int
        for number in range(DIGITS):
            shift = INDEX_BITS + number * DIGIT_BITS
            for i in range(DIGIT_MAX + 2):
                starts[i] = 0
            for i in range(self._count):
                starts[(self._sorted[i] >> shift & DIGIT_MAX) + 1] += 1
            for i in range(DIGIT_MAX):
                starts[i + 1] += starts[i]
            for i in range(self._count):
                digit = self._sorted[i] >> shift & DIGIT_MAX
                self._other[starts[digit]] = self._sorted[i]
                starts[digit] += 1
            self._sorted, self._other = self._other, self._sorted


if not cython.compiled:
    use_compiled(globals())
