"""Which items are worth scoring for a visitor on a page: a hundred or two, from several sources.

A source is a slice of a row array that the snapshot holds ready; all are merged with one sort,
for many visitors at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.catalog.table import ItemTable
from models.visitor.sessions import SESSION_GAP_S
from models.visitor.state import VisitorState
from schemas.ids import hash32

Rows = NDArray[np.int32]
Source = Literal[
    "neighbours",  # looked at together with what the visitor looked at
    "category_taste",
    "brand_taste",
    "trending",
    "bought_together",  # with the cart, or with the last purchase
    "new",
    "better_priced",
    "step_up",
    "recent",  # looked at by this visitor
    "popular",
    "subject",  # what the page is about: its category, its search result
    "wishlist",
    "given",  # named by the caller
]
SOURCES: tuple[Source, ...] = get_args(Source)
BIT: Mapping[str, int] = {source: 1 << index for index, source in enumerate(SOURCES)}

LIMIT = 240
ENOUGH = 120
"""Popular items fill up to about so many, so that a new visitor's window has choice too."""
SEEDS = 4
NEIGHBOURS, BOUGHT_WITH = 10, 8
BRAND_ROWS, TREND_ROWS, NEW_ROWS, POPULAR_ROWS, KIN_ROWS = 8, 20, 12, 20, 40
SUBJECT_ROWS = 120
ABOUT_ITEMS = frozenset({"product", "cart"})
"""Pages about single items: their neighbours are proposed, not they themselves."""

_NONE = np.empty(0, np.int32)
_SHIFT = 4
_OWNER = 32 + _SHIFT
_ROW = (1 << 32) - 1
_ITSELF = (1 << _SHIFT) - 1
"""A source code of our own: what the page is about, taken out after the merge."""
_ITSELF_BIT = 1 << _ITSELF
_BITS = np.array([1 << index for index in range(1 << _SHIFT)], np.uint16)
_CODE: Mapping[Source, int] = {source: index for index, source in enumerate(SOURCES)}
SourceRows = list[tuple[int, Rows]]
"""(source code, rows); -1 among the rows is padding."""


class Candidates(Struct, frozen=True, eq=False):
    """`rows` are unique and ascending; `sources` holds the BITs of each row's sources.

    `anchor` is the row the page is about, else the one looked at last, else -1; `recent` the rows of
    state.recent (-1: left the catalogue), kept because features need them again.
    """

    rows: Rows
    sources: NDArray[np.uint16]
    anchor: int
    recent: list[int]

    def of(self, source: Source) -> Rows:
        """The rows of one source, ascending."""
        rows: Rows = self.rows[(self.sources & BIT[source]) != 0]
        return rows


class CandidateRequest(Struct, frozen=True, eq=False):
    """For whom and which page candidates are wanted."""

    state: VisitorState
    page: str = "home"
    anchors: Sequence[int] | Rows = ()


class _Collected(Struct, frozen=True, eq=False):
    """What the sources found for one of many."""

    found: SourceRows
    recent: list[int]
    seeds: list[int]
    about: bool


def sources_of(mask: int) -> list[str]:
    """The names behind a bit mask."""
    return [source for source, bit in BIT.items() if mask & bit]


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
    return _NONE


def propose(
    table: ItemTable,
    state: VisitorState,
    page: str = "home",
    anchors: Sequence[int] | Rows = (),
    at: float = 0.0,
    limit: int = LIMIT,
) -> Candidates:
    """Candidates for a page; `anchors` come from `anchor_rows` (a cart page without takes the state's cart).

    `at` (epoch seconds) says whether the visitor's session still runs. The item of a product page and the
    lines of a cart page are no candidates there.
    """
    return propose_all(table, [CandidateRequest(state, page, anchors)], at, limit)[0]


def propose_all(
    table: ItemTable, requests: Sequence[CandidateRequest], at: float, limit: int = LIMIT
) -> list[Candidates]:
    """As `propose`, for many at once: what their sources found is merged in one sort."""
    finds = [_collect(table, one, at) for one in requests]
    merged = _merge([one.found for one in finds])
    return [
        _candidates(table, one, rows, sources, limit)
        for one, (rows, sources) in zip(finds, merged, strict=True)
    ]


def _collect(table: ItemTable, one: CandidateRequest, at: float) -> _Collected:
    """What every source has to say, and the rows it was asked about."""
    state, anchors = one.state, one.anchors
    find = table.row_by_key.get
    recent = [find(seen.key, -1) for seen in state.recent]
    about = _about(state, one.page, anchors, find)
    seeds = [row for row in (*about, *recent) if row >= 0][:SEEDS]
    found = _from_tastes(table, state, at)
    found += _from_items(table, seeds, about or _basket(state, find))
    found += _from_visitor(state, recent, find)
    found += _from_page(table, about, anchors)
    found.append((_CODE["trending"], table.by_trend[:TREND_ROWS]))
    found.append((_CODE["new"], table.newcomers[:NEW_ROWS]))
    missing = ENOUGH - sum([len(rows) for _, rows in found])
    found.append((_CODE["popular"], table.by_popularity[: max(POPULAR_ROWS, missing)]))
    return _Collected(found, recent, seeds, bool(about))


def _candidates(
    table: ItemTable, one: _Collected, rows: Rows, sources: NDArray[np.uint16], limit: int
) -> Candidates:
    if one.about:
        others = sources < _ITSELF_BIT
        rows, sources = rows[others], sources[others]
    if len(rows) > limit:
        rows, sources = _keep_best(table, rows, sources, limit)
    return Candidates(rows, sources, one.seeds[0] if one.seeds else -1, one.recent)


def candidates_from_rows(
    table: ItemTable, state: VisitorState, rows: Sequence[int] | Rows, anchor: int = -1
) -> Candidates:
    """The caller's own rows as candidates; repeats and -1 are dropped."""
    chosen = np.unique(np.asarray(rows, np.int32))
    chosen = chosen[chosen >= 0]
    recent = [table.row_by_key.get(seen.key, -1) for seen in state.recent]
    if anchor < 0:
        anchor = next((row for row in recent if row >= 0), -1)
    return Candidates(chosen, np.full(len(chosen), BIT["given"], np.uint16), anchor, recent)


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


def _from_tastes(table: ItemTable, state: VisitorState, at: float) -> SourceRows:
    """The best of the categories and brands liked most: a running session's before those of long standing."""
    categories, brands = _top(state.categories), _top(state.brands)
    if at - state.at <= SESSION_GAP_S:
        categories = list(dict.fromkeys(_top(state.now_categories) + categories))
        brands = list(dict.fromkeys(_top(state.now_brands) + brands))
    by_category, by_brand = table.category_rows.heads, table.brand_rows.heads
    found = [(_CODE["category_taste"], by_category[key]) for key in categories if key in by_category]
    return found + [(_CODE["brand_taste"], by_brand[key][:BRAND_ROWS]) for key in brands if key in by_brand]


def _top(weights: Mapping[int, float]) -> list[int]:
    """The two heaviest keys; ties go by the key, so that the order of learning does not matter."""
    if len(weights) <= 1:
        return list(weights)
    return [key for _, key in sorted(zip(weights.values(), weights, strict=True), reverse=True)[:2]]


def _from_items(table: ItemTable, seeds: list[int], basket: list[int]) -> SourceRows:
    """Neighbours and alternatives of single items; the fewer the seeds, the more of each."""
    found: SourceRows = []
    if seeds:
        width = 4 * NEIGHBOURS // len(seeds)
        found += [(_CODE["neighbours"], table.co_viewed[row, :width]) for row in seeds]
        found += [(_CODE["better_priced"], table.better_priced[row]) for row in seeds[:2]]
        found += [(_CODE["step_up"], table.step_up[row]) for row in seeds[:2]]
    return found + [(_CODE["bought_together"], table.co_bought[row, :BOUGHT_WITH]) for row in basket[:SEEDS]]


def _from_visitor(state: VisitorState, recent: list[int], find: Find) -> SourceRows:
    found: SourceRows = []
    if recent:
        found.append((_CODE["recent"], _rows(recent)))
    if state.wishlist:
        found.append((_CODE["wishlist"], _rows([find(key, -1) for key in state.wishlist])))
    return found


def _from_page(table: ItemTable, about: list[int], anchors: Sequence[int] | Rows) -> SourceRows:
    """What a listing lists; on a page about an item that one's category, and itself, to be taken out."""
    if about:
        category = int(table.categories.column[about[0]])
        kin = table.category_rows.get(int(table.categories.hashes[category]))
        return [(_CODE["category_taste"], kin[:KIN_ROWS]), (_ITSELF, _rows(about))]
    if len(anchors):
        return [(_CODE["subject"], np.asarray(anchors[:SUBJECT_ROWS], np.int32))]
    return []


def _rows(rows: Sequence[int]) -> Rows:
    return np.array(rows, np.int32)


def _merge(finds: Sequence[SourceRows]) -> list[tuple[Rows, NDArray[np.uint16]]]:
    """Of each, unique rows ascending with the bits of their sources: one sort of all, with whose it is, the
    row and the source in one number."""
    lengths = [len(rows) for found in finds for _, rows in found]
    heads = [owner << _OWNER | code for owner, found in enumerate(finds) for code, _ in found]
    keyed = np.concatenate([rows for found in finds for _, rows in found]).astype(np.int64)
    there = keyed >= 0  # the rest is padding
    keyed <<= _SHIFT
    keyed |= np.array(heads, np.int64).repeat(lengths)
    keyed = keyed[there]
    if not len(keyed):
        return [(_NONE, np.empty(0, np.uint16)) for _ in finds]
    keyed.sort(kind="stable")  # merges what is grouped by owner already: a third of the default's time
    pairs = keyed >> _SHIFT
    first = np.ones(len(pairs), bool)
    np.not_equal(pairs[1:], pairs[:-1], out=first[1:])
    starts = first.nonzero()[0]
    keyed &= (1 << _SHIFT) - 1
    sources = np.bitwise_or.reduceat(_BITS.take(keyed), starts)
    pairs = pairs.take(starts)
    ends = pairs.searchsorted(np.arange(len(finds) + 1) << (_OWNER - _SHIFT)).tolist()
    rows = (pairs & _ROW).astype(np.int32)
    return [(rows[start:end], sources[start:end]) for start, end in pairwise(ends)]


def _keep_best(
    table: ItemTable, rows: Rows, sources: NDArray[np.uint16], limit: int
) -> tuple[Rows, NDArray[np.uint16]]:
    """The `limit` rows that most sources name, then the more popular; still ascending."""
    named = np.bitwise_count(sources).astype(np.int32)
    order = np.lexsort((table.popularity_order[rows], -named))[:limit]
    order.sort()
    return rows[order], sources[order]
