"""Candidate generation: which items are worth scoring for a visitor on a page, a hundred or two.

The sources name rows; all are merged with one sort, for many visitors at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct

from models.candidates.sources import SEEDS, SOURCES, Rows, SourceBits, SourceInput, SourceMask, source_bits
from models.catalog.table import ItemTable
from models.visitor.state import VisitorState
from schemas.ids import hash32

LIMIT = 240
"""Own choice, not tuned: recall of the next item against the cost of scoring."""
ENOUGH = 120
"""Sources that fill (popular items) do so up to about so many: a new visitor's page needs choice too."""
ABOUT_ITEMS = frozenset({"product", "cart"})
"""Pages about single items: their neighbours are proposed, not they themselves."""

_NO_ROWS = np.empty(0, np.int32)
_ROW_BITS = 32
_ROW = (1 << _ROW_BITS) - 1
SourceRows = list[tuple[int, Rows]]
"""(source code, rows); -1 among the rows is padding."""


class Candidates(Struct, frozen=True, eq=False):
    """Candidates of one page for one visitor.

    Attributes:
        rows: int32[candidates], unique and ascending.
        sources: A SourceMask of the same length.
        anchor: The row the page is about, else the one looked at last, else -1.
        recent: The rows of state.recent (-1: left the catalogue), kept because features need them again.
    """

    rows: Rows
    sources: SourceMask
    anchor: int
    recent: list[int]

    def of(self, source: str) -> Rows:
        """The rows of one source, ascending."""
        layout = source_bits()
        rows: Rows = self.rows[(self.sources & layout.bits[layout.code[source]]) != 0]
        return rows


class CandidateRequest(Struct, frozen=True, eq=False):
    """For whom and which page candidates are wanted."""

    state: VisitorState
    page: str = "home"
    anchors: Sequence[int] | Rows = ()


class _Named(Struct, frozen=True, eq=False):
    """What the sources named for one of many."""

    rows: SourceRows
    one: SourceInput


def anchor_rows(
    table: ItemTable, page: str, *, item: str | None = None, category: str | None = None, q: str | None = None
) -> Rows:
    """What a page is about, best first: its item, its category's items, the items its words mean."""
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
    anchors: Sequence[int] | Rows = (),
    at: float = 0.0,
    limit: int = LIMIT,
) -> Candidates:
    """Candidates for one page; see `propose_all`."""
    return propose_all(table, [CandidateRequest(state, page, anchors)], at, limit)[0]


def propose_all(
    table: ItemTable, requests: Sequence[CandidateRequest], at: float, limit: int = LIMIT
) -> list[Candidates]:
    """Candidates for many pages at once.

    Args:
        table: The items.
        requests: Their anchors come from `anchor_rows`; a cart page without takes the state's cart. The item
            of a product page and the lines of a cart page are no candidates there.
        at: Epoch seconds; says whether the visitor's session still runs.
        limit: The most candidates of one; those named by more sources stay, then the more popular.

    Complexity: one sort of all rows named, O(r log r) with r about 200 a visitor; numpy calls do not grow
        with the number of visitors.
    """
    layout = source_bits()
    named = [_ask_sources(table, request, at, layout) for request in requests]
    merged = _merge([one.rows for one in named], layout)
    return [
        _candidates(table, one.one, rows, sources, limit, layout)
        for one, (rows, sources) in zip(named, merged, strict=True)
    ]


def candidates_from_rows(
    table: ItemTable, state: VisitorState, rows: Sequence[int] | Rows, anchor: int = -1
) -> Candidates:
    """The caller's own rows as candidates; repeats and -1 are dropped."""
    chosen = np.unique(np.asarray(rows, np.int32))
    chosen = chosen[chosen >= 0]
    recent = [table.row_by_key.get(seen.key, -1) for seen in state.recent]
    if anchor < 0:
        anchor = next((row for row in recent if row >= 0), -1)
    layout = source_bits()
    given = layout.bits[layout.code["given"]]
    return Candidates(chosen, np.full(len(chosen), given), anchor, recent)


def _ask_sources(table: ItemTable, request: CandidateRequest, at: float, layout: SourceBits) -> _Named:
    """What every source names, and the page itself."""
    one = _source_input(table, request, at)
    named: SourceRows = [(layout.itself, np.array(one.about, np.int32))] if one.about else []
    fillers = []
    for code, source in enumerate(SOURCES.values()):
        if source.fill is None:
            named += [(code, rows) for rows in source.rows(one)]
        else:
            fillers.append((code, source.fill))
    missing = ENOUGH - sum([len(rows) for _, rows in named])
    named += [(code, fill(one, missing)) for code, fill in fillers]
    return _Named(named, one)


def _source_input(table: ItemTable, request: CandidateRequest, at: float) -> SourceInput:
    state, find = request.state, table.row_by_key.get
    recent = [find(seen.key, -1) for seen in state.recent]
    about = _about(state, request.page, request.anchors, find)
    seeds = [row for row in (*about, *recent) if row >= 0][:SEEDS]
    return SourceInput(table, state, at, about, request.anchors, recent, seeds, about or _basket(state, find))


Find = Callable[[int, int], int]


def _about(state: VisitorState, page: str, anchors: Sequence[int] | Rows, find: Find) -> list[int]:
    if page not in ABOUT_ITEMS:
        return []
    if page == "cart" and not len(anchors):
        return [row for line in state.cart if (row := find(line.key, -1)) >= 0]
    return [int(row) for row in anchors]


def _basket(state: VisitorState, find: Find) -> list[int]:
    """The cart, else the last purchase: what something may go well with."""
    keys = [line.key for line in state.cart[:SEEDS]] or [bought.key for bought in state.bought[:1]]
    return [row for key in keys if (row := find(key, -1)) >= 0]


def _candidates(
    table: ItemTable, one: SourceInput, rows: Rows, sources: SourceMask, limit: int, layout: SourceBits
) -> Candidates:
    if one.about:
        others = sources < layout.bits[layout.itself]
        rows, sources = rows[others], sources[others]
    if len(rows) > limit:
        rows, sources = _keep_best(table, rows, sources, limit)
    return Candidates(rows, sources, one.seeds[0] if one.seeds else -1, one.recent)


def _merge(named: Sequence[SourceRows], layout: SourceBits) -> list[tuple[Rows, SourceMask]]:
    """Of each, unique rows ascending with the bits of their sources: one sort of all, with whose it is, the
    row and the source in one number."""
    shift, owner_bits = layout.shift, _ROW_BITS + layout.shift
    lengths = [len(rows) for found in named for _, rows in found]
    heads = [owner << owner_bits | code for owner, found in enumerate(named) for code, _ in found]
    keyed = np.concatenate([rows for found in named for _, rows in found]).astype(np.int64)
    there = keyed >= 0  # the rest is padding
    keyed <<= shift
    keyed |= np.array(heads, np.int64).repeat(lengths)
    keyed = keyed[there]
    if not len(keyed):
        return [(_NO_ROWS, np.empty(0, layout.bits.dtype)) for _ in named]
    keyed.sort(kind="stable")  # merges what is grouped by owner already: a third of the default's time
    pairs = keyed >> shift
    first = np.ones(len(pairs), bool)
    np.not_equal(pairs[1:], pairs[:-1], out=first[1:])
    starts = first.nonzero()[0]
    keyed &= (1 << shift) - 1
    sources = np.bitwise_or.reduceat(layout.bits.take(keyed), starts)
    pairs = pairs.take(starts)
    ends = pairs.searchsorted(np.arange(len(named) + 1) << _ROW_BITS).tolist()
    rows = (pairs & _ROW).astype(np.int32)
    return [(rows[start:end], sources[start:end]) for start, end in pairwise(ends)]


def _keep_best(table: ItemTable, rows: Rows, sources: SourceMask, limit: int) -> tuple[Rows, SourceMask]:
    """The `limit` rows that most sources name, then the more popular; still ascending."""
    named = np.bitwise_count(sources).astype(np.int32)
    order = np.lexsort((table.popularity_order[rows], -named))[:limit]
    order.sort()
    return rows[order], sources[order]
