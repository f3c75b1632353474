"""Candidate sources: each names items worth scoring. One value of SOURCES is all that a source is.

Rows are item rows of the table; -1 among them is padding and is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.catalog.table import ItemTable
from models.visitor.sessions import SESSION_GAP_S
from models.visitor.state import VisitorState

Rows = NDArray[np.int32]
SourceMask = NDArray[np.unsignedinteger[Any]]
"""For each row a bit for every source that named it, in the order of SOURCES."""

SEEDS = 4
"""Items of a page or a visitor whose neighbours are looked up."""
NEIGHBOURS, BOUGHT_WITH = 10, 8
BRAND_ROWS, TREND_ROWS, NEW_ROWS, POPULAR_ROWS, KIN_ROWS = 8, 20, 12, 20, 40
SUBJECT_ROWS = 120
"""How many rows a source names at most; own choice, not tuned."""


class SourceInput(Struct, frozen=True, eq=False):
    """What a source may look at: one page of one visitor.

    `at` is in epoch seconds. `about` are the rows that a product or cart page is about, `anchors` what any
    page is about, best first; `recent` the rows of `state.recent` (-1: left the catalogue), `seeds` the first
    of `about` and `recent`; `basket` what something may be bought with: `about`, else the cart, else the last
    purchase.
    """

    table: ItemTable
    state: VisitorState
    at: float
    about: list[int]
    anchors: Sequence[int] | Rows
    recent: list[int]
    seeds: list[int]
    basket: list[int]


def _nothing(one: SourceInput) -> Iterable[Rows]:
    return ()


class Source(Struct, frozen=True, eq=False):
    """A candidate source.

    Attributes:
        name: Stands in explanations (`why.sources`).
        rows: Arrays of item rows; how many should not grow with the catalogue.
        fill: Called after all `rows` with the number of rows that are missing to a full choice (it may be
            negative); for what can always serve.
    """

    name: str
    rows: Callable[[SourceInput], Iterable[Rows]] = _nothing
    fill: Callable[[SourceInput, int], Rows] | None = None


def _neighbours(one: SourceInput) -> Iterable[Rows]:
    """Looked at together with what the visitor looked at; the fewer the seeds, the more of each."""
    if not one.seeds:
        return ()
    width = 4 * NEIGHBOURS // len(one.seeds)
    return [one.table.co_viewed[row, :width] for row in one.seeds]


def _liked_categories(one: SourceInput) -> Iterable[Rows]:
    """The best of the categories liked most; on a page about an item, of that item's category too."""
    table, state = one.table, one.state
    heads = table.category_rows.heads
    keys = _strongest(one, state.now_categories, state.categories)
    found = [heads[key] for key in keys if key in heads]
    if one.about:
        category = int(table.categories.column[one.about[0]])
        found.append(table.category_rows.get(int(table.categories.hashes[category]))[:KIN_ROWS])
    return found


def _liked_brands(one: SourceInput) -> Iterable[Rows]:
    heads = one.table.brand_rows.heads
    keys = _strongest(one, one.state.now_brands, one.state.brands)
    return [heads[key][:BRAND_ROWS] for key in keys if key in heads]


def _strongest(one: SourceInput, now: Mapping[int, float], ever: Mapping[int, float]) -> list[int]:
    """The keys liked most: those of a running session before those of long standing."""
    keys = _top(ever)
    if one.at - one.state.at > SESSION_GAP_S:
        return keys
    return list(dict.fromkeys(_top(now) + keys))


def _top(weights: Mapping[int, float]) -> list[int]:
    """The two heaviest keys; ties go by the key, so that the order of events does not matter."""
    if len(weights) <= 1:
        return list(weights)
    return [key for _, key in sorted(zip(weights.values(), weights, strict=True), reverse=True)[:2]]


def _bought_together(one: SourceInput) -> Iterable[Rows]:
    return [one.table.co_bought[row, :BOUGHT_WITH] for row in one.basket[:SEEDS]]


def _wishlist(one: SourceInput) -> Iterable[Rows]:
    find = one.table.row_by_key.get
    wished = one.state.wishlist
    return [np.array([find(key, -1) for key in wished], np.int32)] if wished else ()


def _subject(one: SourceInput) -> Iterable[Rows]:
    """What a listing lists."""
    listed = not one.about and len(one.anchors)
    return [np.asarray(one.anchors[:SUBJECT_ROWS], np.int32)] if listed else ()


SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source("neighbours", _neighbours),
        Source("category_taste", _liked_categories),
        Source("brand_taste", _liked_brands),
        Source("trending", lambda one: [one.table.by_trend[:TREND_ROWS]]),
        Source("bought_together", _bought_together),
        Source("new", lambda one: [one.table.newcomers[:NEW_ROWS]]),
        Source("better_priced", lambda one: [one.table.better_priced[row] for row in one.seeds[:2]]),
        Source("step_up", lambda one: [one.table.step_up[row] for row in one.seeds[:2]]),
        Source("recent", lambda one: [np.array(one.recent, np.int32)] if one.recent else ()),
        Source("popular", fill=lambda one, missing: one.table.by_popularity[: max(POPULAR_ROWS, missing)]),
        Source("subject", _subject),
        Source("wishlist", _wishlist),
        Source("given"),  # rows that a caller named (candidates_from_rows)
    )
}
"""Name -> source; explanations name them in this order. Bit masks take their width from it."""


class SourceBits(Struct, frozen=True, eq=False):
    """How source masks are laid out: each source a bit, and one more for what the page itself is about."""

    code: Mapping[str, int]
    itself: int
    """The code of what the page is about: it is taken out after the merge."""
    shift: int
    """Bits that hold any code."""
    bits: SourceMask
    """1 << code, in the dtype of the masks."""

    def sources_of(self, mask: int) -> list[str]:
        """The names behind a mask."""
        return [name for name, code in self.code.items() if mask >> code & 1]


def source_bits() -> SourceBits:
    """The layout for the sources there are now; ValueError for more than 63."""
    return _layout(tuple(SOURCES))


@lru_cache(maxsize=8)
def _layout(names: tuple[str, ...]) -> SourceBits:
    count = len(names) + 1
    width = next((width for width in (16, 32, 64) if count <= width), 0)
    if not width:
        raise ValueError(f"at most 63 candidate sources fit a mask, these are {len(names)}")
    bits = np.left_shift(np.uint64(1), np.arange(count, dtype=np.uint64)).astype(f"uint{width}")
    code = {name: number for number, name in enumerate(names)}
    return SourceBits(code, len(names), len(names).bit_length(), bits)
