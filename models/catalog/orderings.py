"""Orders over the item table, best first: by popularity, trend, newness, inside a category, by price.

All are row arrays made once per snapshot, so that a request only slices them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from schemas.ids import hash32

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]
HEAD = 14
ALTERNATIVES = 8
STEP_UP = 1.12
"""An alternative of higher price costs at least this much more..."""
BETTER = 0.93
"""...and one of better price at most this share."""
SPREAD = 2.5
"""Neither is further away than this factor: it would be another kind of thing."""


class Coding(Struct, frozen=True, eq=False):
    """One text attribute as codes: `column[row]` is 0 where an item has none, else 1..size-1."""

    column: Rows
    of: dict[int, int]
    """hash32 of the text -> code"""
    names: list[str]
    hashes: NDArray[np.uint32]

    @property
    def size(self) -> int:
        return len(self.names)


def build_coding(values: Sequence[str | None]) -> Coding:
    names = ["", *sorted({value for value in values if value})]
    codes = {name: code for code, name in enumerate(names)}
    column = np.fromiter((codes[value or ""] for value in values), np.int32, len(values))
    hashes = np.array([0, *(hash32(name) for name in names[1:])], np.uint32)
    return Coding(column, {hash32(name): code for name, code in codes.items() if code}, names, hashes)


class Groups(Struct, frozen=True, eq=False):
    """Rows of each group, in an order: a slice of one array per key."""

    rows: Rows
    at: dict[int, tuple[int, int]]
    heads: dict[int, Rows]
    """The first HEAD rows of each group, ready for candidates."""

    def get(self, key: int) -> Rows:
        start, end = self.at.get(key, (0, 0))
        return self.rows[start:end]


def group_rows(pair_rows: Rows, pair_codes: Rows, keys: NDArray[np.uint32], rank: Rows) -> Groups:
    """Groups of (row, code) pairs, each ordered by `rank`; `keys[code]` names a group, code 0 is none."""
    order = np.lexsort((rank[pair_rows], pair_codes))
    codes = pair_codes[order]
    edges = np.searchsorted(codes, np.arange(len(keys) + 1)).tolist()
    at = {key: (edges[code], edges[code + 1]) for code, key in enumerate(keys.tolist()) if code}
    rows = pair_rows[order]
    heads = {key: rows[start : min(end, start + HEAD)] for key, (start, end) in at.items()}
    return Groups(rows, at, heads)


def best_first(*columns: Floats | NDArray[np.float64] | NDArray[np.bool_]) -> Rows:
    """Rows by the first column falling, ties by the next, at last by row (items by id: stable)."""
    return np.lexsort(tuple(-column.astype(np.float64) for column in reversed(columns))).astype(np.int32)


def rank_of(order: Rows) -> Rows:
    """Where each row stands in `order`."""
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return rank


def share_below(column: Floats) -> Floats:
    """For each row the share of rows with a smaller value, 0..1: equal values, equal share."""
    return (np.searchsorted(np.sort(column), column) / max(len(column), 1)).astype(np.float32)


def share_below_within(column: Floats, codes: Rows) -> Floats:
    """`share_below` inside each code's rows."""
    order = np.lexsort((column, codes))
    starts = np.searchsorted(codes[order], np.arange(codes.max(initial=0) + 2))
    sizes = np.maximum(np.diff(starts), 1)
    fresh = np.ones(len(column), bool)
    fresh[1:] = (column[order][1:] != column[order][:-1]) | (codes[order][1:] != codes[order][:-1])
    first = np.maximum.accumulate(np.where(fresh, np.arange(len(column)), 0))
    out = np.empty(len(column), np.float32)
    out[order] = (first - starts[codes[order]]) / sizes[codes[order]]
    return out


def alternatives(codes: Rows, price: Floats, fit: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    """(step up, better priced): for each row the nearest prices above and below within its category,
    int32[n, ALTERNATIVES], -1 where there are no more; only rows that are `fit` are offered."""
    offered = np.flatnonzero(fit).astype(np.int32)
    # One axis for all categories: a category's prices lie within its own stretch of 1e11.
    line = codes * 1e11 + price.astype(np.float64)
    offered = offered[np.argsort(line[offered], kind="stable")]
    steps = np.arange(ALTERNATIVES)
    start = codes * 1e11 + price * STEP_UP
    first = np.searchsorted(line[offered], np.maximum(start, line + 0.01))
    last = np.searchsorted(line[offered], codes * 1e11 + price.astype(np.float64) * SPREAD, side="right")
    up = _taken(offered, first[:, None] + steps, steps < (last - first)[:, None])
    first = np.searchsorted(line[offered], codes * 1e11 + price.astype(np.float64) * BETTER, side="right") - 1
    last = np.searchsorted(line[offered], codes * 1e11 + price.astype(np.float64) / SPREAD) - 1
    down = _taken(offered, first[:, None] - steps, steps < (first - last)[:, None])
    return up, down


def _taken(offered: Rows, where: NDArray[np.intp], good: NDArray[np.bool_]) -> Rows:
    if not len(offered):
        return np.full(where.shape, -1, np.int32)
    return np.where(good, offered[np.clip(where, 0, len(offered) - 1)], -1).astype(np.int32)
