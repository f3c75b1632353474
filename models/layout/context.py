"""The context of a page: what of the visitor may be used, and what the page is about.

It is computed before anything is ranked.
"""

import cython
import numpy as np

from models import use_compiled

if not cython.compiled:
    from models.candidates.visit import ITEMS_MAX, PAGE_CART, PAGE_CATEGORY, PAGE_PRODUCT, Visit
    from models.catalog.columns import Columns
    from models.storefront.columns import PageColumns
    from models.visitor.state_fields import KIND_BOUGHT_CATEGORIES, KIND_CATEGORIES, KIND_NOW_CATEGORIES
    from models.visitor.typed_state import TypedState


@cython.ccall
def state_reason(state: TypedState) -> str:
    """Whether a state may and can be used for a page.

    Returns:
        ok if consent allows it and it holds at least one signal; consent when the visitor refused
        personalization; cold_start when it holds no view, category, cart line, purchase, wishlist item or
        search. A visitor of the last two kinds is a stranger: nothing of them is used.
    """
    if state.consent & 3 == 1:
        return "consent"
    if (
        state.recent_count
        or state.sizes[KIND_CATEGORIES]
        or state.cart_count
        or state.bought_count
        or state.wishlist_count
        or state.search_count
    ):
        return "ok"
    return "cold_start"


@cython.ccall
def newest_event_at(state: TypedState) -> cython.longlong:
    """Epoch seconds of the newest event of a state; 0 for one without events."""
    return state.at


@cython.final
@cython.cclass
class PageContext:
    """One page for one visitor, before anything is ranked. Made once and used again; rows are item rows.

    Attributes:
        visit: The visitor on the page, with its candidates.
        page: The page's slots, modules and rules.
        anchor_row: On a product page its item, on a cart page the first cart line that the shop still has,
            elsewhere the row viewed last; -1 for none. Other than `visit.anchor_row`, it is never a view on
            product and cart pages.
        focus_category: hash32 of the page's category, on product and cart pages of the anchor's; else of the
            visitor's strongest one, else of the most popular item's; 0 for none. `focus_code` is its code, -1
            for none.
        anchor_category: hash32 of the anchor row's category; `focus_category` on a category page and without
            an anchor row.
        recent: Rows viewed, newest first, that rules allow, each once.
        cart: Rows in the cart that rules allow, each once.
        query: The text of a search page, else "".
        word_counts: Of each page row of a search page, how many words of the query its item carries.
    """

    visit = cython.declare(Visit, visibility="readonly")
    page = cython.declare(PageColumns, visibility="readonly")
    anchor_row = cython.declare(cython.int, visibility="readonly")
    focus_category = cython.declare(cython.longlong, visibility="readonly")
    focus_code = cython.declare(cython.int, visibility="readonly")
    anchor_category = cython.declare(cython.longlong, visibility="readonly")
    recent = cython.declare(cython.int[::1], visibility="readonly")
    recent_count = cython.declare(cython.int, visibility="readonly")
    cart = cython.declare(cython.int[::1], visibility="readonly")
    cart_count = cython.declare(cython.int, visibility="readonly")
    query = cython.declare(str, visibility="readonly")
    word_counts = cython.declare(cython.int[::1], visibility="readonly")

    def __init__(self) -> None:
        self.recent = np.zeros(ITEMS_MAX, np.int32).data
        self.cart = np.zeros(ITEMS_MAX, np.int32).data
        self.recent_count = self.cart_count = 0
        self.anchor_row = self.focus_code = -1
        self.focus_category = self.anchor_category = 0
        self.query, self.word_counts = "", self.recent[:0]

    @cython.ccall
    def begin(
        self,
        visit: Visit,
        page: PageColumns,
        category: cython.longlong,
        query: str,
        word_counts: cython.int[::1],
    ) -> cython.void:
        """Sets the context of a visit.

        Args:
            visit: With its candidates.
            page: The page it is on.
            category: hash32 of the category of a category page; 0 for none.
            query: The text of a search page.
            word_counts: int32[page rows] for a search page with a query; not read for others.

        Raises:
            ValueError: `word_counts` of a query are not as many as its page rows.
        """
        columns: Columns = visit.columns
        if query and word_counts.shape[0] != visit.page_row_count:
            raise ValueError(f"{word_counts.shape[0]} word counts for {visit.page_row_count} page rows")
        self.visit, self.page, self.query, self.word_counts = visit, page, query, word_counts
        self.anchor_row = self._find_anchor()
        self.focus_category = self._find_focus(category)
        self.focus_code = (
            columns.category_code_by_hash.find(self.focus_category) if self.focus_category else -1
        )
        self.anchor_category = self.focus_category
        if self.anchor_row >= 0 and visit.page != PAGE_CATEGORY:
            self.anchor_category = columns.category_hashes[columns.category[self.anchor_row]]
        self.recent_count = self._select_allowed(visit.recent_rows, visit.state.recent_count, self.recent)
        self.cart_count = self._select_allowed(visit.cart_rows, visit.state.cart_count, self.cart)

    @cython.cfunc
    def _find_anchor(self) -> cython.int:
        visit: Visit = self.visit
        i: cython.int
        if visit.page == PAGE_PRODUCT:
            return visit.page_rows[0] if visit.page_row_count else -1
        if visit.page == PAGE_CART:
            for i in range(visit.state.cart_count):
                if visit.cart_rows[i] >= 0:
                    return visit.cart_rows[i]
            return -1
        for i in range(visit.state.recent_count):
            if visit.recent_rows[i] >= 0:
                return visit.recent_rows[i]
        return -1

    @cython.cfunc
    def _find_focus(self, category: cython.longlong) -> cython.longlong:
        """The page's category, on product and cart pages the anchor's, else the visitor's strongest, else the
        most popular item's; 0 for none, and for a category page's that the shop does not know."""
        visit: Visit = self.visit
        columns: Columns = visit.columns
        if visit.page == PAGE_CATEGORY and category:
            return category if columns.category_groups.find(category) >= 0 else 0
        if visit.page in (PAGE_PRODUCT, PAGE_CART) and self.anchor_row >= 0:
            return columns.category_hashes[columns.category[self.anchor_row]]
        strongest: cython.longlong = self._strongest_category()
        if strongest or not columns.n:
            return strongest
        return columns.category_hashes[columns.category[columns.by_popularity[0]]]

    @cython.cfunc
    def _strongest_category(self) -> cython.longlong:
        """hash32 of the heaviest category that the shop knows, of equal ones the smaller; 0 for none.

        Only the first list that is not empty is looked at: of the session, long-term, bought.
        """
        state: TypedState = self.visit.state
        kind: cython.int = KIND_BOUGHT_CATEGORIES
        i: cython.int
        if state.sizes[KIND_NOW_CATEGORIES]:
            kind = KIND_NOW_CATEGORIES
        elif state.sizes[KIND_CATEGORIES]:
            kind = KIND_CATEGORIES
        best: cython.longlong = 0
        most: cython.int = -1
        for i in range(state.sizes[kind]):
            key: cython.longlong = state.keys[kind, i]
            weight: cython.int = state.codes[kind, i]
            if weight < most or (weight == most and key > best):
                continue
            if self.visit.columns.category_groups.find(key) >= 0:
                best, most = key, weight
        return best

    @cython.cfunc
    def _select_allowed(self, rows: cython.int[::1], count: cython.int, out: cython.int[::1]) -> cython.int:
        """Puts each row once into `out`, without -1 and without those that rules remove; returns how many."""
        kept: cython.int = 0
        i: cython.int
        j: cython.int
        for i in range(count):
            row: cython.int = rows[i]
            if row < 0 or not self.page.allowed[row]:
                continue
            repeated: cython.bint = False
            for j in range(kept):
                repeated = repeated or out[j] == row
            if not repeated:
                out[kept] = row
                kept += 1
        return kept


if not cython.compiled:
    use_compiled(globals())
