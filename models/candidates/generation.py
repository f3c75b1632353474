"""Candidate generation: which items are scored for a visitor on a page, between one and two hundred.

Every source proposes item rows; the proposals of all sources for all pages of a batch are merged in one sort.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct

from models.candidates.sources import (
    SEEDS_MAX,
    SOURCES,
    Rows,
    SourceBits,
    SourceInput,
    SourceMask,
    source_bits,
)
from models.catalog.table import ItemTable
from models.visitor.state import VisitorState
from schemas.ids import hash32

CANDIDATES_MAX = 240
"""The most candidates of a page. Own choice, not tuned: recall of the next item against cost of scoring."""
CANDIDATES_WANTED = 120
"""Sources with `fill` (popular items) add items until there are about this many: a new
visitor's page must have something to choose from too. Own choice, not tuned."""
ABOUT_ITEMS = frozenset({"product", "cart"})
"""Pages about single items: their neighbours are proposed, not they themselves."""

_NO_ROWS = np.empty(0, np.int32)
_ROW_BITS = 32
_ROW = (1 << _ROW_BITS) - 1
SourceRows = list[tuple[int, Rows]]
"""(source number, rows); -1 among the rows is padding."""
FindRow = Callable[[int, int], int]
"""(item key, default) -> row."""


class Candidates(Struct, frozen=True, eq=False):
    """Candidates of one page for one visitor.

    Attributes:
        rows: int32[candidates], unique and ascending.
        sources: SourceMask[candidates], who proposed each row.
        anchor_row: The row the page is about, else the one viewed last, else -1.
        recent: The row of each entry of `state.recent` (-1: left the catalogue); features read it again.
    """

    rows: Rows
    sources: SourceMask
    anchor_row: int
    recent: list[int]

    def of(self, source: str) -> Rows:
        """int32[rows] that one source proposed, ascending."""
        layout = source_bits()
        rows: Rows = self.rows[(self.sources & layout.bits[layout.code[source]]) != 0]
        return rows


class CandidateRequest(Struct, frozen=True, eq=False):
    """For which visitor and page candidates are wanted; `page_rows` as `find_page_rows` gives them."""

    state: VisitorState
    page: str = "home"
    page_rows: Sequence[int] | Rows = ()


class _Proposals(Struct, frozen=True, eq=False):
    """What the sources proposed for one request, and what they read."""

    rows: SourceRows
    inputs: SourceInput


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
        return table.search(q)
    return _NO_ROWS


def propose(
    table: ItemTable,
    state: VisitorState,
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
    """Candidates for many pages at once.

    A product page's item and a cart page's lines are no candidates there. A cart page without rows is
    about the cart of its state.

    Args:
        table: The items.
        requests: The visitors and pages.
        at: Now, epoch seconds; decides whether the visitor's session still runs.
        limit: The most candidates of one page; rows that more sources proposed stay, then the more popular.

    Returns:
        The candidates of each request, in order.

    Complexity: One sort of all proposed rows, O(r log r) with r about 200 a request. The number of numpy
        calls of the merge does not grow with the number of requests.

    Reference: Own heuristic, not tuned on data: the sources, their row counts, and the preference for rows
        that more sources proposed.
    """
    layout = source_bits()
    proposals = [_ask_sources(table, request, at, layout) for request in requests]
    merged = _merge([one.rows for one in proposals], layout)
    return [
        _select_candidates(table, one.inputs, rows, sources, limit, layout)
        for one, (rows, sources) in zip(proposals, merged, strict=True)
    ]


def candidates_from_rows(
    table: ItemTable, state: VisitorState, rows: Sequence[int] | Rows, anchor_row: int = -1
) -> Candidates:
    """The caller's own rows as candidates, with the source `given`.

    Args:
        table: The items.
        state: The visitor's state.
        rows: Item rows; repeats and -1 are dropped.
        anchor_row: The row that the list is about; -1 for the one viewed last.
    """
    chosen = np.unique(np.asarray(rows, np.int32))
    chosen = chosen[chosen >= 0]
    recent = [table.row_by_key.get(seen.key, -1) for seen in state.recent]
    if anchor_row < 0:
        anchor_row = next((row for row in recent if row >= 0), -1)
    layout = source_bits()
    bit = layout.bits[layout.code["given"]]
    return Candidates(chosen, np.full(len(chosen), bit), anchor_row, recent)


def _ask_sources(table: ItemTable, request: CandidateRequest, at: float, layout: SourceBits) -> _Proposals:
    """The rows of every source, and the rows that the page itself is about."""
    inputs = _source_input(table, request, at)
    proposed: SourceRows = [(layout.itself, np.array(inputs.about, np.int32))] if inputs.about else []
    fillers = []
    for code, source in enumerate(SOURCES.values()):
        if source.fill is None:
            proposed += [(code, rows) for rows in source.rows(inputs)]
        else:
            fillers.append((code, source.fill))
    missing = CANDIDATES_WANTED - sum([len(rows) for _, rows in proposed])
    proposed += [(code, fill(inputs, missing)) for code, fill in fillers]
    return _Proposals(proposed, inputs)


def _source_input(table: ItemTable, request: CandidateRequest, at: float) -> SourceInput:
    state, find = request.state, table.row_by_key.get
    recent = [find(seen.key, -1) for seen in state.recent]
    about = _items_of_page(state, request.page, request.page_rows, find)
    seeds = [row for row in (*about, *recent) if row >= 0][:SEEDS_MAX]
    return SourceInput(
        table, state, at, about, request.page_rows, recent, seeds, about or _basket_rows(state, find)
    )


def _items_of_page(
    state: VisitorState, page: str, page_rows: Sequence[int] | Rows, find: FindRow
) -> list[int]:
    """The rows that a page about single items is about; none for other pages."""
    if page not in ABOUT_ITEMS:
        return []
    if page == "cart" and not len(page_rows):
        return [row for line in state.cart if (row := find(line.key, -1)) >= 0]
    return [int(row) for row in page_rows]


def _basket_rows(state: VisitorState, find: FindRow) -> list[int]:
    """The cart, else the last purchase: what another item may be bought together with."""
    keys = [line.key for line in state.cart[:SEEDS_MAX]] or [bought.key for bought in state.bought[:1]]
    return [row for key in keys if (row := find(key, -1)) >= 0]


def _select_candidates(
    table: ItemTable, inputs: SourceInput, rows: Rows, sources: SourceMask, limit: int, layout: SourceBits
) -> Candidates:
    """The merged rows without those the page is about, at most `limit` of them."""
    if inputs.about:
        others = sources < layout.bits[layout.itself]
        rows, sources = rows[others], sources[others]
    if len(rows) > limit:
        rows, sources = _keep_best(table, rows, sources, limit)
    return Candidates(rows, sources, inputs.seeds[0] if inputs.seeds else -1, inputs.recent)


def _merge(proposed: Sequence[SourceRows], layout: SourceBits) -> list[tuple[Rows, SourceMask]]:
    """For each request its unique rows, ascending, with the bits of the sources that proposed them.

    Request number, row and source number are packed into one int64 each, so that one sort merges everything.
    """
    shift, request_bits = layout.shift, _ROW_BITS + layout.shift
    lengths = [len(rows) for part in proposed for _, rows in part]
    heads = [number << request_bits | code for number, part in enumerate(proposed) for code, _ in part]
    keyed = np.concatenate([rows for part in proposed for _, rows in part]).astype(np.int64)
    there = keyed >= 0  # the rest is padding
    keyed <<= shift
    keyed |= np.array(heads, np.int64).repeat(lengths)
    keyed = keyed[there]
    if not len(keyed):
        return [(_NO_ROWS, np.empty(0, layout.bits.dtype)) for _ in proposed]
    keyed.sort(kind="stable")  # merges what is grouped by request already: a third of the default's time
    pairs = keyed >> shift
    first = np.ones(len(pairs), bool)
    np.not_equal(pairs[1:], pairs[:-1], out=first[1:])
    starts = first.nonzero()[0]
    keyed &= (1 << shift) - 1
    sources = np.bitwise_or.reduceat(layout.bits.take(keyed), starts)
    pairs = pairs.take(starts)
    ends = pairs.searchsorted(np.arange(len(proposed) + 1) << _ROW_BITS).tolist()
    rows = (pairs & _ROW).astype(np.int32)
    return [(rows[start:end], sources[start:end]) for start, end in pairwise(ends)]


def _keep_best(table: ItemTable, rows: Rows, sources: SourceMask, limit: int) -> tuple[Rows, SourceMask]:
    """The `limit` rows that most sources proposed, then the more popular; still ascending."""
    votes = np.bitwise_count(sources).astype(np.int32)
    order = np.lexsort((table.popularity_rank[rows], -votes))[:limit]
    order.sort()
    return rows[order], sources[order]
