"""A page's scored candidates, best first, and the rows of each pool that was collected from them."""

import cython
import numpy as np

from models import use_compiled

if not cython.compiled:
    from models.catalog.columns import Columns
    from models.layout.context import PageContext

POOL_CAPACITY = cython.declare(cython.int, 512)
"""The most candidates of a page, and the most rows of a pool; candidate generation gives half of that."""
LEAD_RANK = cython.declare(cython.int, 4)
"""A pool's lead score is that of its first and its LEAD_RANK-th item. Own choice, not tuned."""


@cython.final
@cython.cclass
class ScoredCandidates:
    """What pools are collected from, and what was collected. Made once and used again.

    Attributes:
        context: The page.
        count: Candidates that rules allow.
        rows, scores, sources: Of each: item row, standardised score, bits of the sources that proposed it.
        marks: uchar, room for marks of a pool's own; what stands there is of the pool before.
        similar: uchar, 1 for a candidate of the anchor's finest category that is not the anchor itself.
        in_focus: uchar, 1 for one of the page's focus category.
        anchor_price: Price of the anchor; 1 without one.
        sizes: Number of rows of each pool.
        pool_rows: int[pools, POOL_CAPACITY], the rows of each pool, in the order they are shown in.
        lead_scores: Of each pool the sum of the scores of its first and its LEAD_RANK-th (or last) row.
    """

    context = cython.declare(PageContext, visibility="readonly")
    columns = cython.declare(Columns, visibility="readonly")
    count = cython.declare(cython.int, visibility="readonly")
    rows = cython.declare(cython.int[::1], visibility="readonly")
    scores = cython.declare(cython.double[::1], visibility="readonly")
    sources = cython.declare(cython.ulonglong[::1], visibility="readonly")
    marks = cython.declare(cython.uchar[::1], visibility="readonly")
    similar = cython.declare(cython.uchar[::1], visibility="readonly")
    in_focus = cython.declare(cython.uchar[::1], visibility="readonly")
    anchor_price = cython.declare(cython.double, visibility="readonly")
    sizes = cython.declare(cython.int[::1], visibility="readonly")
    pool_rows = cython.declare(cython.int[:, ::1], visibility="readonly")
    lead_scores = cython.declare(cython.double[::1], visibility="readonly")
    _pool: cython.int
    _anchor_code: cython.int
    _indexes: cython.int[::1]
    """By place among the candidates of the visit; -1 for one that rules remove."""

    def __init__(self) -> None:
        self.count = self._pool = 0
        self.rows = np.zeros(POOL_CAPACITY, np.int32).data
        self.scores = np.zeros(POOL_CAPACITY, np.float64).data
        self.sources = np.zeros(POOL_CAPACITY, np.uint64).data
        self.marks = np.zeros(POOL_CAPACITY, np.uint8).data
        self.similar = np.zeros(POOL_CAPACITY, np.uint8).data
        self.in_focus = np.zeros(POOL_CAPACITY, np.uint8).data
        self.sizes = np.zeros(1, np.int32).data
        self.lead_scores = np.zeros(1, np.float64).data
        self.pool_rows = np.zeros((1, POOL_CAPACITY), np.int32).data
        self._indexes = np.zeros(POOL_CAPACITY, np.int32).data
        self._anchor_code, self.anchor_price = -1, 1.0

    @cython.ccall
    def begin(self, context: PageContext) -> cython.void:
        """Starts a page without candidates; `put` adds them, best first."""
        columns: Columns = context.visit.columns
        pools: cython.int = len(context.page.pools)
        self.context, self.columns, self.count = context, columns, 0
        if self.sizes.shape[0] < pools:
            self.sizes = np.zeros(pools, np.int32).data
            self.lead_scores = np.zeros(pools, np.float64).data
            self.pool_rows = np.zeros((pools, POOL_CAPACITY), np.int32).data
        place: cython.int
        for place in range(POOL_CAPACITY):
            self._indexes[place] = -1
        self._anchor_code, self.anchor_price = -1, 1.0
        if context.anchor_row >= 0:
            self._anchor_code = columns.category[context.anchor_row]
            self.anchor_price = columns.price[context.anchor_row]

    @cython.cfunc
    @cython.exceptval(check=False)
    def put(
        self, place: cython.int, row: cython.int, score: cython.double, sources: cython.ulonglong
    ) -> cython.void:
        """Adds the next best candidate; `place` is its index among those of the visit."""
        self.rows[self.count], self.scores[self.count], self.sources[self.count] = row, score, sources
        category: cython.int = self.columns.category[row]
        self.similar[self.count] = category == self._anchor_code and row != self.context.anchor_row
        self.in_focus[self.count] = category == self.context.focus_code
        self._indexes[place] = self.count
        self.count += 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def index_of(self, row: cython.int) -> cython.int:
        """The index of a row among the candidates; -1 for one that is none."""
        place: cython.int = self.context.visit.place(row) if row < self.columns.n else -1
        return self._indexes[place] if 0 <= place < POOL_CAPACITY else -1

    @cython.cfunc
    @cython.exceptval(check=False)
    def begin_pool(self, number: cython.int) -> cython.void:
        """From now on rows are added to this pool of the page."""
        self._pool = number
        self.sizes[number] = 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def end_pool(self) -> cython.void:
        """Sets the lead score of the pool."""
        number: cython.int = self._pool
        size: cython.int = self.sizes[number]
        self.lead_scores[number] = 0.0
        if size:
            first: cython.int = self.index_of(self.pool_rows[number, 0])
            last: cython.int = self.index_of(self.pool_rows[number, min(size, LEAD_RANK) - 1])
            if first >= 0 and last >= 0:
                self.lead_scores[number] = self.scores[first] + self.scores[last]

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _push(self, row: cython.int, wanted: cython.int) -> cython.int:
        """Adds a row when `wanted` is 1, not when it is 0 (a branch would often be mispredicted); returns the
        pool's size."""
        size: cython.int = self.sizes[self._pool]
        if size == POOL_CAPACITY:
            return size
        self.pool_rows[self._pool, size] = row
        self.sizes[self._pool] = size + wanted
        return size + wanted

    # -- what a pool reads and says: it may be ordinary Python, so its indexes and rows are checked

    @cython.cfunc
    @cython.exceptval(-1)
    def _row_at(self, index: cython.int) -> cython.int:
        if index < 0 or index >= self.count:
            raise IndexError(f"{index} is none of {self.count} candidates")
        return self.rows[index]

    @cython.ccall
    @cython.exceptval(-1)
    def add(self, index: cython.int) -> cython.int:
        """Adds a candidate to the pool that is being collected; returns the pool's size."""
        return self._push(self._row_at(index), 1)

    @cython.ccall
    @cython.exceptval(-1)
    def add_row(self, row: cython.int) -> cython.int:
        """Adds an item row to the pool that is being collected, which need not be a candidate; returns the
        pool's size."""
        if row < 0 or row >= self.columns.n:
            raise IndexError(f"{row} is no row of {self.columns.n} items")
        return self._push(row, 1)

    @cython.ccall
    @cython.exceptval(check=False)
    def add_all(self) -> cython.void:
        """Adds every candidate."""
        i: cython.int
        for i in range(self.count):
            self._push(self.rows[i], 1)

    @cython.ccall
    @cython.exceptval(check=False)
    def add_proposed(self, bit: cython.ulonglong) -> cython.void:
        """Adds every candidate that the source with this bit proposed."""
        i: cython.int
        for i in range(self.count):
            self._push(self.rows[i], (self.sources[i] & bit) != 0)

    @cython.ccall
    @cython.exceptval(check=False)
    def add_marked(self, marks: cython.uchar[::1]) -> cython.void:
        """Adds every candidate whose mark is 1: `similar`, `in_focus`, or `marks` that the pool wrote."""
        i: cython.int
        for i in range(min(self.count, cython.cast(cython.int, marks.shape[0]))):
            self._push(self.rows[i], marks[i])


if not cython.compiled:
    use_compiled(globals())
