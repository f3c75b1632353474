"""A visitor on a page at a moment, in typed form: what candidate sources, features and module kinds read.

A Visit is made once and used for one request after the other. `begin` reads the visitor's state and finds the
rows of its items; `models.candidates.sources.propose_candidates`, or `give`, then fills the candidates.
"""

import cython

from models import use_compiled
from schemas.storefront import PAGE_ORDER

if not cython.compiled:
    from models.candidates.candidate_rows import CandidateRows, int_column
    from models.catalog.columns import Columns
    from models.visitor.typed_state import TypedState

PAGE_HOME = cython.declare(cython.int, PAGE_ORDER.index("home"))
PAGE_CATEGORY = cython.declare(cython.int, PAGE_ORDER.index("category"))
PAGE_PRODUCT = cython.declare(cython.int, PAGE_ORDER.index("product"))
PAGE_CART = cython.declare(cython.int, PAGE_ORDER.index("cart"))
PAGE_SEARCH = cython.declare(cython.int, PAGE_ORDER.index("search"))

ITEMS_MAX = cython.declare(cython.int, 16)
"""No collection of items in a state has more, nor are more items of a product or cart page looked at."""
SEEDS_MAX = cython.declare(cython.int, 4)
"""The most items of a page or a visitor whose neighbours are looked up."""


@cython.final
@cython.cclass
class Visit(CandidateRows):
    """One page for one visitor, and the candidates for it. Rows are rows of `columns`.

    The rows of the state's items stand in the state's order, as many as the state has; -1 is an item that
    left the catalogue.
    """

    state = cython.declare(TypedState, visibility="readonly")
    known = cython.declare(cython.bint, visibility="readonly")
    """Whether there is a state that may be used; of a stranger nothing is known."""
    at = cython.declare(cython.double, visibility="readonly")
    """Now, epoch seconds."""
    page = cython.declare(cython.int, visibility="readonly")
    """The page type: PAGE_HOME and so on, in the order of the contract."""
    page_rows = cython.declare(cython.int[::1], visibility="readonly")
    """What the page is about, best first (`find_page_rows`); the first `page_row_count` count."""
    page_row_count = cython.declare(cython.int, visibility="readonly")
    about = cython.declare(cython.int[::1], visibility="readonly")
    """The items that a product or cart page is about; none on other pages."""
    about_count = cython.declare(cython.int, visibility="readonly")
    recent_rows = cython.declare(cython.int[::1], visibility="readonly")
    wishlist_rows = cython.declare(cython.int[::1], visibility="readonly")
    cart_rows = cython.declare(cython.int[::1], visibility="readonly")
    bought_rows = cython.declare(cython.int[::1], visibility="readonly")
    seeds = cython.declare(cython.int[::1], visibility="readonly")
    """The first SEEDS_MAX rows of `about` and `recent_rows`, without -1."""
    seed_count = cython.declare(cython.int, visibility="readonly")
    basket = cython.declare(cython.int[::1], visibility="readonly")
    """What something may be bought together with: `about`, else the first cart lines, else the last purchase;
    without -1."""
    basket_count = cython.declare(cython.int, visibility="readonly")

    def __init__(self) -> None:
        CandidateRows.__init__(self)
        self.state = TypedState()
        self.known, self.at, self.page = False, 0.0, PAGE_HOME
        self.page_rows, self.page_row_count = int_column(0), 0
        self.about, self.about_count = int_column(ITEMS_MAX), 0
        self.recent_rows, self.wishlist_rows = int_column(ITEMS_MAX), int_column(ITEMS_MAX)
        self.cart_rows, self.bought_rows = int_column(ITEMS_MAX), int_column(ITEMS_MAX)
        self.seeds, self.seed_count = int_column(SEEDS_MAX), 0
        self.basket, self.basket_count = int_column(ITEMS_MAX), 0

    @cython.ccall
    def begin(
        self,
        columns: Columns,
        packed: bytes,
        page: cython.int,
        page_rows: cython.int[::1],
        at: cython.double,
    ) -> cython.void:
        """Begins another visit, without candidates.

        Args:
            columns: The items.
            packed: The visitor's packed state; b"" for a stranger, of whom nothing may or can be used. Bytes
                that are no state count as none.
            page: The page type: PAGE_HOME and so on.
            page_rows: int32[rows] that the page is about, as `find_page_rows` gives them.
            at: Now, epoch seconds.
        """
        self.clear_for(columns)
        self.known = self.state.read(packed) and len(packed) > 0
        self.page, self.at = page, at
        self.page_rows, self.page_row_count = page_rows, page_rows.shape[0]
        self._find_rows()
        self._find_about()
        self._find_seeds()
        self._find_basket()

    def recent(self) -> list[int]:
        """The row of each of the state's recent items, newest first."""
        return [self.recent_rows[i] for i in range(self.state.recent_count)]

    @cython.cfunc
    @cython.exceptval(check=False)
    def _find_rows(self) -> cython.void:
        """The rows of the state's items."""
        state: TypedState = self.state
        i: cython.int
        for i in range(state.recent_count):
            self.recent_rows[i] = self.columns.row(state.recent_keys[i])
        for i in range(state.wishlist_count):
            self.wishlist_rows[i] = self.columns.row(state.wishlist_keys[i])
        for i in range(state.cart_count):
            self.cart_rows[i] = self.columns.row(state.cart_keys[i])
        for i in range(state.bought_count):
            self.bought_rows[i] = self.columns.row(state.bought_keys[i])

    @cython.cfunc
    @cython.exceptval(check=False)
    def _find_about(self) -> cython.void:
        """A cart page without rows is about the cart of the state."""
        i: cython.int
        self.about_count = 0
        if self.page == PAGE_CART and self.page_row_count == 0:
            for i in range(self.state.cart_count):
                self.about_count = append_row(self.about, self.about_count, self.cart_rows[i])
        elif self.page == PAGE_CART or self.page == PAGE_PRODUCT:
            for i in range(self.page_row_count):
                if self.page_rows[i] < self.columns.n:
                    self.about_count = append_row(self.about, self.about_count, self.page_rows[i])

    @cython.cfunc
    @cython.exceptval(check=False)
    def _find_seeds(self) -> cython.void:
        i: cython.int
        self.seed_count = 0
        for i in range(self.about_count):
            self.seed_count = append_row(self.seeds, self.seed_count, self.about[i])
        for i in range(self.state.recent_count):
            self.seed_count = append_row(self.seeds, self.seed_count, self.recent_rows[i])
        self.anchor_row = self.seeds[0] if self.seed_count > 0 else -1

    @cython.cfunc
    @cython.exceptval(check=False)
    def _find_basket(self) -> cython.void:
        i: cython.int
        self.basket_count = 0
        if self.about_count > 0:
            for i in range(self.about_count):
                self.basket_count = append_row(self.basket, self.basket_count, self.about[i])
        elif self.state.cart_count > 0:
            for i in range(min(self.state.cart_count, SEEDS_MAX)):
                self.basket_count = append_row(self.basket, self.basket_count, self.cart_rows[i])
        elif self.state.bought_count > 0:
            self.basket_count = append_row(self.basket, self.basket_count, self.bought_rows[0])


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def append_row(rows: cython.int[::1], count: cython.int, row: cython.int) -> cython.int:
    """Adds a row to the first `count`, unless it is -1 or there is no place; how many there are then."""
    if row < 0 or count >= rows.shape[0]:
        return count
    rows[count] = row
    return count + 1


if not cython.compiled:
    use_compiled(globals())
