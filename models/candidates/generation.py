"""Candidates for callers in Python, as numpy arrays: which items are scored for a visitor on a page.

The work is done by `models.candidates.sources.propose_candidates`, in a Visit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.candidates.sources import propose_candidates, source_bit
from models.candidates.visit import Visit
from models.catalog.table import ItemTable
from models.visitor.packing import pack
from models.visitor.state import VisitorState
from schemas.ids import hash32
from schemas.storefront import PAGE_ORDER

Rows = NDArray[np.int32]
"""int32[rows]: item rows of the table; -1 means none."""
SourceMask = NDArray[np.uint64]
"""uint64[rows]: for each row a bit for every source that proposed it, in the order of SOURCES."""
CANDIDATES_MAX = 240
"""The most candidates of a page. Own choice, not tuned: recall of the next item against cost of scoring."""

_NO_ROWS = np.empty(0, np.int32)


class Candidates(Struct, frozen=True, eq=False):
    """Candidates of one page for one visitor.

    Attributes:
        rows: int32[candidates], unique and ascending.
        sources: SourceMask[candidates], who proposed each row.
        anchor_row: The row the page is about, else the one viewed last, else -1.
        recent: The row of each entry of the state's recent items (-1: left the catalogue).
    """

    rows: Rows
    sources: SourceMask
    anchor_row: int
    recent: list[int]

    def of(self, source: str) -> Rows:
        """int32[rows] that one source proposed, ascending."""
        rows: Rows = self.rows[(self.sources & np.uint64(source_bit(source))) != 0]
        return rows


class CandidateRequest(Struct, frozen=True, eq=False):
    """For which visitor and page candidates are wanted; `page_rows` as `find_page_rows` gives them."""

    state: VisitorState | bytes
    page: str = "home"
    page_rows: Sequence[int] | Rows = ()


def begin_visit(
    visit: Visit,
    table: ItemTable,
    state: VisitorState | bytes,
    page: str = "home",
    page_rows: Sequence[int] | Rows = (),
    at: float = 0.0,
) -> None:
    """`Visit.begin` for a caller in Python.

    Args:
        visit: To be used again.
        table: The items.
        state: The visitor's state, packed or not.
        page: The page type.
        page_rows: What the page is about (`find_page_rows`).
        at: Now, epoch seconds.
    """
    packed = state if isinstance(state, bytes) else pack(state)
    rows = np.ascontiguousarray(page_rows, np.int32)
    visit.begin(table.columns, packed, PAGE_ORDER.index(page), rows.data, at)


def find_page_rows(
    table: ItemTable, page: str, *, item: str | None = None, category: str | None = None, q: str | None = None
) -> Rows:
    """What a page is about: its item, the items of its category, or the results of its search.

    Args:
        table: The items.
        page: The page type.
        item: Item id of a product page.
        category: Category name, of any level, of a category page.
        q: Search text of a search page.

    Returns:
        int32[rows], best first; empty for other pages and for what the shop does not know.
    """
    if page == "product" and item is not None:
        row = table.row_of(item)
        return np.array([row] if row >= 0 else [], np.int32)
    if page == "category" and category is not None:
        return table.rows_in_category(hash32(category))
    if page == "search" and q is not None:
        return table.search(q).rows
    return _NO_ROWS


def propose(
    table: ItemTable,
    state: VisitorState | bytes,
    page: str = "home",
    page_rows: Sequence[int] | Rows = (),
    at: float = 0.0,
    limit: int = CANDIDATES_MAX,
) -> Candidates:
    """Candidates for one page; see `propose_all`."""
    return propose_all(table, [CandidateRequest(state, page, page_rows)], at, limit)[0]


def propose_all(
    table: ItemTable, requests: Sequence[CandidateRequest], at: float, limit: int = CANDIDATES_MAX
) -> list[Candidates]:
    """Candidates for many pages; see `models.candidates.sources.propose_candidates`.

    A product page's item and a cart page's lines are no candidates there. A cart page without rows is
    about the cart of its state.

    Args:
        table: The items.
        requests: The visitors and pages.
        at: Now, epoch seconds; decides whether the visitor's session still runs.
        limit: The most candidates of one page; rows that more sources proposed stay, then the more popular.

    Returns:
        The candidates of each request, in order.
    """
    visit = Visit()
    found = []
    for request in requests:
        begin_visit(visit, table, request.state, request.page, request.page_rows, at)
        propose_candidates(visit, limit)
        found.append(copy_candidates(visit))
    return found


def copy_candidates(visit: Visit) -> Candidates:
    """The candidates of a visit, as arrays of their own."""
    rows: Any = np.array(visit.rows[: visit.count], np.int32)
    sources: Any = np.array(visit.sources[: visit.count], np.uint64)
    return Candidates(rows, sources, visit.anchor_row, visit.recent())


def candidates_from_rows(
    table: ItemTable, state: VisitorState | bytes, rows: Sequence[int] | Rows, anchor_row: int = -1
) -> Candidates:
    """The caller's own rows as candidates, with the source `given`.

    Args:
        table: The items.
        state: The visitor's state.
        rows: Item rows; repeats and -1 are dropped.
        anchor_row: The row that the list is about; -1 for the one viewed last.
    """
    visit = Visit()
    begin_visit(visit, table, state)
    chosen = np.unique(np.asarray(rows, np.int32))
    chosen = chosen[chosen >= 0]
    sources = np.full(len(chosen), source_bit("given"), np.uint64)
    visit.give(chosen.data, sources.data, anchor_row if anchor_row >= 0 else visit.anchor_row)
    return copy_candidates(visit)
