"""Candidate sources: each proposes items for one page of one visitor. One value of SOURCES is a whole source.

All row counts here are own choices, not tuned: they keep a visitor's candidates between one and two hundred.
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
"""int32[rows]: item rows of the table; -1 is padding and is dropped by the merge."""
SourceMask = NDArray[np.unsignedinteger[Any]]
"""uint16/32/64[rows]: for each row a bit for every source that proposed it, in the order of SOURCES."""

SEEDS_MAX = 4
"""The most items of a page or a visitor whose neighbours are looked up."""
CO_VIEWED_ROWS = 10
"""Neighbours of each seed when there are SEEDS_MAX of them; fewer seeds share the same total."""
CO_BOUGHT_ROWS = 8
BRAND_ROWS, TREND_ROWS, NEW_ROWS, POPULAR_ROWS = 8, 20, 12, 20
SAME_CATEGORY_ROWS = 40
"""Items of the category of the item that a page is about."""
SUBJECT_ROWS = 120
"""Items of what a category or search page lists."""


class SourceInput(Struct, frozen=True, eq=False):
    """What a source may read: one page of one visitor.

    Attributes:
        table: The items.
        state: The visitor's state; EMPTY when nothing of it may be used.
        at: Now, epoch seconds.
        about: Rows that a product or cart page is about; empty on other pages.
        page_rows: int32[rows], what any page is about, best first (see `find_page_rows`).
        recent: The row of each entry of `state.recent`, newest first; -1 for one that left the catalogue.
        seeds: The first SEEDS_MAX rows of `about` and `recent`, without -1.
        basket: What something may be bought together with: `about`, else the cart, else the last purchase.
    """

    table: ItemTable
    state: VisitorState
    at: float
    about: list[int]
    page_rows: Sequence[int] | Rows
    recent: list[int]
    seeds: list[int]
    basket: list[int]


def _no_rows(inputs: SourceInput) -> Iterable[Rows]:
    return ()


class Source(Struct, frozen=True, eq=False):
    """A candidate source.

    Attributes:
        name: Its key in SOURCES; explanations show it (`why.sources`).
        rows: Proposes arrays of item rows. How many must not grow with the catalogue.
        fill: For a source that always has items: called after all `rows` with the number of rows missing to
            CANDIDATES_WANTED (it may be negative).
    """

    name: str
    rows: Callable[[SourceInput], Iterable[Rows]] = _no_rows
    fill: Callable[[SourceInput, int], Rows] | None = None


def _neighbours(inputs: SourceInput) -> Iterable[Rows]:
    """Items viewed together with the seeds; the fewer the seeds, the more of each."""
    if not inputs.seeds:
        return ()
    width = SEEDS_MAX * CO_VIEWED_ROWS // len(inputs.seeds)
    return [inputs.table.co_viewed[row, :width] for row in inputs.seeds]


def _category_favourites(inputs: SourceInput) -> Iterable[Rows]:
    """The most popular of the visitor's strongest categories, and of the category of a page's item."""
    table, state = inputs.table, inputs.state
    top_rows = table.category_rows.top_rows
    keys = _strongest_keys(inputs, state.now_categories, state.categories)
    proposed = [top_rows[key] for key in keys if key in top_rows]
    if inputs.about:
        category = int(table.categories.column[inputs.about[0]])
        key = int(table.categories.hashes[category])
        proposed.append(table.category_rows.get(key)[:SAME_CATEGORY_ROWS])
    return proposed


def _brand_favourites(inputs: SourceInput) -> Iterable[Rows]:
    top_rows = inputs.table.brand_rows.top_rows
    keys = _strongest_keys(inputs, inputs.state.now_brands, inputs.state.brands)
    return [top_rows[key][:BRAND_ROWS] for key in keys if key in top_rows]


def _strongest_keys(
    inputs: SourceInput, session: Mapping[int, float], long_term: Mapping[int, float]
) -> list[int]:
    """Up to four keys: the strongest of a running session, then the strongest long-term."""
    keys = _top_two(long_term)
    if inputs.at - inputs.state.at > SESSION_GAP_S:
        return keys
    return list(dict.fromkeys(_top_two(session) + keys))


def _top_two(weights: Mapping[int, float]) -> list[int]:
    """The two heaviest keys; ties go by the key, so that the order of events does not matter."""
    if len(weights) <= 1:
        return list(weights)
    return [key for _, key in sorted(zip(weights.values(), weights, strict=True), reverse=True)[:2]]


def _co_purchases(inputs: SourceInput) -> Iterable[Rows]:
    return [inputs.table.co_bought[row, :CO_BOUGHT_ROWS] for row in inputs.basket[:SEEDS_MAX]]


def _wishlist(inputs: SourceInput) -> Iterable[Rows]:
    find = inputs.table.row_by_key.get
    keys = inputs.state.wishlist
    return [np.array([find(key, -1) for key in keys], np.int32)] if keys else ()


def _page_subject(inputs: SourceInput) -> Iterable[Rows]:
    """The items of a category or search page."""
    is_listing = not inputs.about and len(inputs.page_rows)
    return [np.asarray(inputs.page_rows[:SUBJECT_ROWS], np.int32)] if is_listing else ()


SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source("neighbours", _neighbours),
        Source("category_taste", _category_favourites),
        Source("brand_taste", _brand_favourites),
        Source("trending", lambda inputs: [inputs.table.by_trend[:TREND_ROWS]]),
        Source("bought_together", _co_purchases),
        Source("new", lambda inputs: [inputs.table.newcomers[:NEW_ROWS]]),
        Source("better_priced", lambda inputs: [inputs.table.better_priced[row] for row in inputs.seeds[:2]]),
        Source("step_up", lambda inputs: [inputs.table.step_up[row] for row in inputs.seeds[:2]]),
        Source("recent", lambda inputs: [np.array(inputs.recent, np.int32)] if inputs.recent else ()),
        Source(
            "popular",
            fill=lambda inputs, missing: inputs.table.by_popularity[: max(POPULAR_ROWS, missing)],
        ),
        Source("subject", _page_subject),
        Source("wishlist", _wishlist),
        Source("given"),  # rows that a caller named (candidates_from_rows)
    )
}
"""Name -> source. Explanations list them in this order, and masks are as wide as there are sources."""


class SourceBits(Struct, frozen=True, eq=False):
    """The bits of a SourceMask: one for each source, and one for what the page itself is about.

    Attributes:
        code: Source name -> its number.
        itself: The number that marks what the page is about; those rows are removed after the merge.
        shift: Bits that hold any number.
        bits: SourceMask[sources + 1], 1 << number, in the dtype of the masks.
    """

    code: Mapping[str, int]
    itself: int
    shift: int
    bits: SourceMask

    def sources_of(self, mask: int) -> list[str]:
        """The names of the sources in a mask, in the order of SOURCES."""
        return [name for name, code in self.code.items() if mask >> code & 1]


def source_bits() -> SourceBits:
    """The bits for the sources that SOURCES holds now.

    Raises:
        ValueError: There are more than 63 sources.
    """
    return _build_bits(tuple(SOURCES))


@lru_cache(maxsize=8)
def _build_bits(names: tuple[str, ...]) -> SourceBits:
    count = len(names) + 1
    width = next((width for width in (16, 32, 64) if count <= width), 0)
    if not width:
        raise ValueError(f"at most 63 candidate sources fit a mask, these are {len(names)}")
    bits = np.left_shift(np.uint64(1), np.arange(count, dtype=np.uint64)).astype(f"uint{width}")
    code = {name: number for number, name in enumerate(names)}
    return SourceBits(code, len(names), len(names).bit_length(), bits)
