"""Row orders of the item table and codes of its text columns.

Every order is an array made once per snapshot, best row first, so that a request only slices it (no copy).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from schemas.ids import hash32

Rows = NDArray[np.int32]
Codes = NDArray[np.int32]
Ranks = NDArray[np.int32]
Floats = NDArray[np.float32]
ALTERNATIVES = 8
"""Alternatives kept per item and direction."""

# Price bounds of an alternative, as factors of the item's own price. Own choice, not tuned.
DEARER_MIN_FACTOR = 1.12
"""A dearer alternative costs at least this many times the item's price."""
CHEAPER_MAX_FACTOR = 0.93
"""A cheaper alternative costs at most this many times the item's price."""
PRICE_RATIO_MAX = 2.5
"""Largest ratio of the two prices; beyond that it is not a substitute."""
_CATEGORY_STRIDE = 1e11
"""Distance between two categories on the common price axis of `find_alternatives`; above any price."""


class LabelEncoding(Struct, frozen=True, eq=False):
    """A text column as integer codes (label encoding); code 0 stands for "none"."""

    column: Codes
    """int32[n]: the code of each row, 0 or 1..size-1."""
    code_by_hash: dict[int, int]
    """hash32 of a text -> its code."""
    names: list[str]
    """The text of each code, sorted; the empty text at 0."""
    hashes: NDArray[np.uint32]
    """uint32[size]: hash32 of each code's text, 0 at 0."""

    @property
    def size(self) -> int:
        return len(self.names)


def encode_labels(values: Sequence[str | None]) -> LabelEncoding:
    """Encodes one text per row.

    Args:
        values: The text of each row; None and "" mean the row has none.

    Returns:
        An encoding whose codes follow the sorted texts, so equal columns get equal codes.

    Complexity: O(n + d log d) for n rows with d distinct texts.
    """
    names = ["", *sorted({value for value in values if value})]
    codes = {name: code for code, name in enumerate(names)}
    column = np.fromiter((codes[value or ""] for value in values), np.int32, len(values))
    hashes = np.array([0, *(hash32(name) for name in names[1:])], np.uint32)
    return LabelEncoding(column, {hash32(name): code for name, code in codes.items() if code}, names, hashes)


class Groups(Struct, frozen=True, eq=False):
    """The rows of each group (a category, a brand), best first; all groups share one array."""

    rows: Rows
    """int32[pairs]: the rows of all groups, one group after the other."""
    spans: dict[int, tuple[int, int]]
    """hash32 of a group's name -> start and end in `rows`."""
    edges: Rows
    """int32[codes, 2]: the same by code; nothing for code 0."""

    def get(self, key: int) -> Rows:
        """The rows of a group, best first; empty for an unknown key. A slice, not a copy: O(1)."""
        start, end = self.spans.get(key, (0, 0))
        return self.rows[start:end]


def group_rows(pair_rows: Rows, pair_codes: Codes, keys: NDArray[np.uint32], rank: Ranks) -> Groups:
    """Groups (row, code) pairs by code.

    Args:
        pair_rows: int32[pairs], the row of each pair; a row may stand in several groups.
        pair_codes: int32[pairs], the code of its group; 0 means no group.
        keys: uint32[codes], hash32 of each group's name.
        rank: int32[n], the rank of each row (0 is best), which orders a group.

    Returns:
        The groups by hash32 of their name.

    Complexity: O(p log p) for p pairs.
    """
    order = np.lexsort((rank[pair_rows], pair_codes))
    codes = pair_codes[order]
    starts = np.searchsorted(codes, np.arange(len(keys) + 1)).astype(np.int32)
    edges = np.stack((starts[:-1], starts[1:]), axis=1)
    edges[0] = 0
    spans = dict(zip(keys[1:].tolist(), map(tuple, edges[1:].tolist()), strict=True))
    return Groups(pair_rows[order], spans, edges)


def order_best_first(*columns: Floats | NDArray[np.float64] | NDArray[np.bool_]) -> Rows:
    """Rows by the first column, descending; ties by the next column, at last by row number."""
    return np.lexsort(tuple(-column.astype(np.float64) for column in reversed(columns))).astype(np.int32)


def rank_rows(order: Rows) -> Ranks:
    """int32[n]: the rank of each row in `order`, 0 for the first (the inverse permutation)."""
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return rank


def percentile_rank(column: Floats) -> Floats:
    """Percentile rank: the share of rows with a smaller value, 0..1; equal values, equal share."""
    return (np.searchsorted(np.sort(column), column) / max(len(column), 1)).astype(np.float32)


def percentile_rank_within(column: Floats, codes: Codes) -> Floats:
    """`percentile_rank` among the rows of the same code."""
    order = np.lexsort((column, codes))
    starts = np.searchsorted(codes[order], np.arange(codes.max(initial=0) + 2))
    sizes = np.maximum(np.diff(starts), 1)
    differs = np.ones(len(column), bool)  # from the value before it: the first of its equals
    differs[1:] = (column[order][1:] != column[order][:-1]) | (codes[order][1:] != codes[order][:-1])
    first_equal = np.maximum.accumulate(np.where(differs, np.arange(len(column)), 0))
    out = np.empty(len(column), np.float32)
    out[order] = (first_equal - starts[codes[order]]) / sizes[codes[order]]
    return out


def find_alternatives(codes: Codes, price: Floats, sellable: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    """Finds, for each item, the nearest dearer and cheaper items of its category.

    Args:
        codes: int32[n], the category code of each row.
        price: float32[n], in the shop's currency.
        sellable: bool[n]; only these rows are offered as alternatives.

    Returns:
        (step up, better priced), each int32[n, ALTERNATIVES] with the nearest price first and -1 where
        there are no more. A step up costs DEARER_MIN_FACTOR to PRICE_RATIO_MAX times the item's price, a
        better priced one 1/PRICE_RATIO_MAX to CHEAPER_MAX_FACTOR times it.

    Complexity: O(n log n); all categories are searched at once.
    Reference: own heuristic, not tuned.
    """
    offered = np.flatnonzero(sellable).astype(np.int32)
    # One axis for all categories: each category's prices lie within its own stretch.
    line = codes * _CATEGORY_STRIDE + price.astype(np.float64)
    offered = offered[np.argsort(line[offered], kind="stable")]
    steps = np.arange(ALTERNATIVES)
    base, exact = codes * _CATEGORY_STRIDE, price.astype(np.float64)
    first = np.searchsorted(line[offered], np.maximum(base + price * DEARER_MIN_FACTOR, line + 0.01))
    last = np.searchsorted(line[offered], base + exact * PRICE_RATIO_MAX, side="right")
    up = _take_rows(offered, first[:, None] + steps, steps < (last - first)[:, None])
    first = np.searchsorted(line[offered], base + exact * CHEAPER_MAX_FACTOR, side="right") - 1
    last = np.searchsorted(line[offered], base + exact / PRICE_RATIO_MAX) - 1
    down = _take_rows(offered, first[:, None] - steps, steps < (first - last)[:, None])
    return up, down


def _take_rows(offered: Rows, where: NDArray[np.intp], good: NDArray[np.bool_]) -> Rows:
    """`offered[where]`, -1 where not `good`."""
    if not len(offered):
        return np.full(where.shape, -1, np.int32)
    return np.where(good, offered[np.clip(where, 0, len(offered) - 1)], -1).astype(np.int32)
