"""The items of one module: the first, or varied, of its pool, kept stable against what it showed before."""

import cython
import numpy as np

from models import use_compiled

if not cython.compiled:
    from models.candidates.visit import Visit
    from models.catalog.columns import Columns
    from models.layout.assembly.stability import ScoredRows, Stabiliser
    from models.layout.context import PageContext
    from models.layout.fills.page_fills import UNKNOWN_SUBJECT, PageFills
    from models.layout.kinds.candidates import ScoredCandidates
    from models.layout.kinds.kind import ModuleKind
    from models.layout.kinds.personal import EVERYTHING
    from models.storefront.columns import PageColumns, ViewColumns

BRAND_SHARE = cython.declare(cython.double, 0.4)
CATEGORY_SHARE = cython.declare(cython.double, 0.6)
"""The largest share of a module's items from one brand, from one category, where variety is wanted."""
LOOK_AHEAD = cython.declare(cython.int, 4)
"""Variety chooses among this many times as many items as are shown: it is not worth a much worse item."""
SPARE_MAX = cython.declare(cython.int, 400)
"""Rows of a shop-wide order that a spare fill looks at. All of these are own choices, not tuned on data."""
PLACED = cython.declare(cython.int, 1)
"""Mark of an item that is on the page or pinned."""
KNOWN = cython.declare(cython.int, 2)
"""Mark of one that the visitor viewed, has in the cart or bought: such an item is shown again only by kinds
whose point that is."""


@cython.final
@cython.cclass
class ItemSelection:
    """Selects the items of one module after the other, given what is on the page. Made once and used again.

    Attributes:
        previous: What the visitor was shown last on this page, in the numbers of the view: it keeps its place
            within the margins of `stability`. Set it before a page is begun.
    """

    previous = cython.declare(PageFills, visibility="readonly")
    _columns: Columns
    _view: ViewColumns
    _page: PageColumns
    _candidates: ScoredCandidates
    _stabiliser: Stabiliser
    _fresh: ScoredRows
    _shown: ScoredRows
    _left_over: ScoredRows
    _marks: cython.int[::1]
    _turn: cython.int
    _brand_counts: cython.int[::1]
    _category_counts: cython.int[::1]

    def __init__(self) -> None:
        self.previous, self._stabiliser = PageFills(), Stabiliser()
        self._fresh, self._shown, self._left_over = ScoredRows(), ScoredRows(), ScoredRows()
        self._turn = 0
        self._marks = np.zeros(1, np.int32).data
        self._brand_counts = np.zeros(1, np.int32).data
        self._category_counts = np.zeros(1, np.int32).data

    @cython.ccall
    def begin(self, context: PageContext, candidates: ScoredCandidates, view: ViewColumns) -> cython.void:
        """Begins a page: what is pinned is placed, what the visitor knows is known."""
        visit: Visit = context.visit
        i: cython.int
        self._candidates, self._view = candidates, view
        self._columns, self._page = visit.columns, context.page
        self._make_room()
        for i in range(self._page.pin_starts[self._page.slot_count]):
            self.place(self._page.pin_rows[i])
        for i in range(context.recent_count):
            self._mark(context.recent[i], KNOWN)
        for i in range(context.cart_count):
            self._mark(context.cart[i], KNOWN)
        for i in range(visit.state.bought_count):
            if visit.bought_rows[i] >= 0:
                self._mark(visit.bought_rows[i], KNOWN)

    @cython.cfunc
    @cython.exceptval(check=False)
    def place(self, row: cython.int) -> cython.void:
        """Marks an item as being on the page."""
        self._mark(row, PLACED | KNOWN)

    @cython.cfunc
    def _make_room(self) -> cython.void:
        """Marks and counts for this shop, all clear. A mark holds the page's turn above its two bits, so
        the marks of earlier pages count as none."""
        self._turn += 1
        if self._marks.shape[0] != max(self._columns.n, 1) or self._turn >= 1 << 28:
            self._marks = np.zeros(max(self._columns.n, 1), np.int32).data
            self._turn = 1
        if self._brand_counts.shape[0] < self._view.brands:
            self._brand_counts = np.zeros(self._view.brands, np.int32).data
        if self._category_counts.shape[0] < self._view.categories:
            self._category_counts = np.zeros(self._view.categories, np.int32).data

    @cython.cfunc
    @cython.exceptval(check=False)
    def _mark(self, row: cython.int, bits: cython.int) -> cython.void:
        if self._marks[row] >> 2 != self._turn:
            self._marks[row] = self._turn << 2
        self._marks[row] |= bits

    @cython.cfunc
    @cython.exceptval(check=False)
    def _has_mark(self, row: cython.int, bits: cython.int) -> cython.bint:
        return self._marks[row] >> 2 == self._turn and self._marks[row] & bits != 0

    @cython.cfunc
    def choose(self, module: cython.int, subject: cython.longlong, pins: cython.int) -> ScoredRows | None:
        """The rows that a module shows beside `pins` pinned ones, best first; None when too few are left.

        Pins do not count towards the module's minimum: a module that has too little for one slot has too
        little for all slots below.
        """
        kind: ModuleKind = self._page.kinds[module]
        least: cython.int = self._page.items_min[module]
        size: cython.int = self._page.items_max[module] - pins
        pool: cython.int = self._page.pool_of[module]
        taken: cython.int = PLACED if kind.known or kind.lists == self._page.page else KNOWN | PLACED
        chosen: ScoredRows = self._fresh
        chosen.count = 0
        if pins:
            self._take_first(pool, taken, least)
            if chosen.count < least:
                return None
            chosen.count = 0
        if size <= 0:
            return chosen
        if kind.variety and not kind.known:
            self._take_varied(pool, taken, size)
        else:
            self._take_first(pool, taken, size)
        if kind.stable and not kind.known:
            chosen = self._stabilise(module, subject, taken, size)
        return chosen if pins or chosen.count >= least else None

    @cython.cfunc
    def _take_first(self, pool: cython.int, taken: cython.int, size: cython.int) -> cython.void:
        """The first rows of a pool that are not taken, into `_fresh`."""
        i: cython.int
        for i in range(self._candidates.sizes[pool]):
            if self._fresh.count == size:
                return
            row: cython.int = self._candidates.pool_rows[pool, i]
            if not self._has_mark(row, taken):
                self._append(self._fresh, row)

    @cython.cfunc
    @cython.exceptval(-1)
    def _append(self, rows: ScoredRows, row: cython.int) -> cython.int:
        index: cython.int = self._candidates.index_of(row)
        return rows.insert(rows.count, row, self._candidates.scores[index] if index >= 0 else 0.0)

    @cython.cfunc
    def _take_varied(self, pool: cython.int, taken: cython.int, size: cython.int) -> cython.void:
        """The first rows, but no brand or category takes more than its share while others are near, and of a
        product in several colours one is enough. What is left over fills up a row that stays short."""
        i: cython.int
        looked_at: cython.int = 0
        brand_max: cython.int = max(2, cython.cast(cython.int, int(BRAND_SHARE * size)))
        category_max: cython.int = max(2, cython.cast(cython.int, int(CATEGORY_SHARE * size)))
        self._left_over.count = 0
        for i in range(self._candidates.sizes[pool]):
            if looked_at == LOOK_AHEAD * size or self._fresh.count == size:
                break
            row: cython.int = self._candidates.pool_rows[pool, i]
            if self._has_mark(row, taken):
                continue
            looked_at += 1
            if self._adds_variety(row, brand_max, category_max):
                self._append(self._fresh, row)
                self._count_item(row, 1)
            else:
                self._append(self._left_over, row)
        for i in range(self._fresh.count):
            self._count_item(self._fresh.rows[i], -1)
        for i in range(self._left_over.count):
            if self._fresh.count == size:
                break
            self._append(self._fresh, self._left_over.rows[i])

    @cython.cfunc
    @cython.exceptval(check=False)
    def _adds_variety(self, row: cython.int, brand_max: cython.int, category_max: cython.int) -> cython.bint:
        view: ViewColumns = self._view
        brand: cython.int = view.brand[row]
        i: cython.int
        if self._category_counts[view.category[row]] >= category_max:
            return False
        if brand != 0 and self._brand_counts[brand] >= brand_max:  # no brand is no brand in common
            return False
        for i in range(self._fresh.count):
            if view.product[self._fresh.rows[i]] == view.product[row]:
                return False
        return True

    @cython.cfunc
    @cython.exceptval(check=False)
    def _count_item(self, row: cython.int, by: cython.int) -> cython.void:
        self._category_counts[self._view.category[row]] += by
        self._brand_counts[self._view.brand[row]] += by

    @cython.cfunc
    def _stabilise(
        self, module: cython.int, subject: cython.longlong, taken: cython.int, size: cython.int
    ) -> ScoredRows:
        """`_fresh`, stabilised against what the module showed last about the same subject."""
        before: cython.int = self.previous.find_module(self._page.module_codes[module])
        at: cython.int
        if before < 0 or self.previous.subjects[before] not in (subject, UNKNOWN_SUBJECT):
            return self._fresh
        pool: cython.int = self._page.pool_of[module]
        self._shown.count = 0
        for at in range(self.previous.starts[before], self.previous.starts[before + 1]):
            row: cython.int = self.previous.rows[at]
            if self._candidates.index_of(row) < 0 or self._has_mark(row, taken):
                continue
            if self._is_offered(pool, row):
                self._append(self._shown, row)
        stabilised: ScoredRows = self._stabiliser.stabilise(self._fresh, self._shown, size)
        return stabilised

    @cython.cfunc
    def _is_offered(self, pool: cython.int, row: cython.int) -> cython.bint:
        """Whether a candidate is in a pool."""
        i: cython.int
        if self._page.pools[pool] is EVERYTHING:
            return True
        for i in range(self._candidates.sizes[pool]):
            if self._candidates.pool_rows[pool, i] == row:
                return True
        return False

    @cython.cfunc
    def choose_spare(self, order: str, size: cython.int) -> ScoredRows:
        """Up to `size` rows not on the page, of the first SPARE_MAX of an order that the rules allow."""
        rows: cython.int[::1] = self._columns.by_popularity
        if order == "by_trend":
            rows = self._columns.by_trend
        elif order == "by_newness":
            rows = self._columns.by_newness
        looked_at: cython.int = 0
        i: cython.int
        self._fresh.count = 0
        for i in range(self._columns.n):
            if looked_at == SPARE_MAX or self._fresh.count >= size:
                break
            row: cython.int = rows[i]
            if self._page.allowed[row]:
                looked_at += 1
                if not self._has_mark(row, PLACED):
                    self._append(self._fresh, row)
        return self._fresh


if not cython.compiled:
    use_compiled(globals())
