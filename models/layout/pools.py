"""Scored candidates put in order and on shelves, one for each kind of module; for many visitors at once.

Scores are standardised within the visitor, so that margins and module wishes mean the same for any ranker.
Equal scores are ordered by item id (rows are).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.candidates.generation import BIT
from models.catalog.orderings import BETTER, SPREAD, STEP_UP
from models.catalog.search import tokenise
from models.catalog.table import ItemTable
from models.layout.context import PageContext
from models.storefront.index import Kind

Floats = NDArray[np.float32]
BEST = 4
"""The first item and the one at this place speak for a module."""
PLACES_A_SCORE = 8.0
"""How many places of a search result one standard deviation of score is worth."""
REDUCED = 0.92
"""An item counts as reduced when its price is at most this share of its list price."""

DIGITS = 4
"""Decimals of standardised scores: the last bits depend on how many rows a ranker was given at once, and must
not reorder a page."""

KINDS: tuple[Kind, ...] = (
    "near", "together", "trending", "finer", "cheaper", "reduced", "new", "popular", "category",
    "results", "other",
)  # fmt: skip
_NO_ROWS = np.empty(0, np.int32)
_FLAG: dict[Kind, np.uint16] = {kind: np.uint16(1 << index) for index, kind in enumerate(KINDS)}
_BESIDE = np.uint16(1 << len(KINDS))
"""Looked at together with the anchor though of another category: near, but after what is of its own."""
_BY_SOURCE: dict[str, Kind] = {
    "bought_together": "together",
    "trending": "trending",
    "new": "new",
    "popular": "popular",
    "subject": "results",
}


def _flags_of_sources() -> NDArray[np.uint16]:
    flags = np.zeros(1 << 16, np.uint16)
    masks = np.arange(1 << 16)
    for source, kind in _BY_SOURCE.items():
        flags[(masks & BIT[source]) != 0] |= _FLAG[kind]
    return flags


_FLAGS_OF_SOURCES = _flags_of_sources()


class CandidatePools(Struct, frozen=True, eq=False):
    """One scene's candidates in order. Its lists are made when asked for: most are not."""

    value: dict[int, float]
    """The standardised score of every row."""
    counts: dict[Kind, int]
    """Rows on each shelf."""
    lead_scores: dict[Kind, float]
    """Of each shelf with candidates, the scores of the first and of the BEST-th (or last) row, added."""
    made: dict[Kind, list[int]]
    number: int
    column: _PoolRows

    def of(self, kind: Kind) -> list[int]:
        """The rows of a kind, best first; the visitor's own lists in their own order."""
        rows = self.made.get(kind)
        if rows is None:
            rows = self.made[kind] = self.column.cut(kind, self.number)
        return rows

    def put(self, kind: Kind, rows: list[int]) -> None:
        """Another order than that of the scores."""
        self.made[kind], self.counts[kind] = rows, len(rows)
        if rows:
            self.lead_scores[kind] = self.value[rows[0]] + self.value[rows[:BEST][-1]]


class _PoolRows(Struct, frozen=True, eq=False):
    """The rows of all kinds of all scenes: kind by kind, scene by scene, best first; _BESIDE comes last."""

    kinds: list[Kind]
    rows: NDArray[np.int32]
    bounds: NDArray[np.intp]
    """intp[kinds, scenes + 1]: where each shelf begins and ends."""

    def cut(self, kind: Kind, number: int) -> list[int]:
        return self.cut_line(self.kinds.index(kind), number) if kind in self.kinds else []

    def cut_line(self, line: int, number: int) -> list[int]:
        rows: list[int] = self.rows[self.bounds[line, number] : self.bounds[line, number + 1]].tolist()
        return rows


class _Batch(Struct, eq=False):
    """All scenes' candidates in one: row, score, sources, flags, and whose they are (ascending)."""

    rows: NDArray[np.int32]
    sources: NDArray[np.uint16]
    scores: Floats
    owner: NDArray[np.int64]
    flags: NDArray[np.uint16]


def build_pools(
    table: ItemTable, contexts: Sequence[PageContext], scores: Sequence[Floats]
) -> Iterator[CandidatePools]:
    """The shelves of each scene, made when it is its turn, so that its lists are used while in cache.

    Numpy calls on all candidates do not grow with the number of scenes.
    """
    batch = _batch_of(contexts, scores)
    _flag(table, contexts, batch)
    _put_in_order(batch)
    starts = batch.owner.searchsorted(np.arange(len(contexts) + 1))
    column, lead_scores = _pool_rows(batch, _used_kinds(contexts), starts)
    counts, ends = np.diff(column.bounds).T.tolist(), starts.tolist()
    for number, context in enumerate(contexts):
        part = slice(ends[number], ends[number + 1])
        rows = batch.rows[part].tolist()
        pools = CandidatePools(
            dict(zip(rows, batch.scores[part].tolist(), strict=True)),
            dict(zip(column.kinds, counts[number], strict=False)),
            dict(zip(column.kinds, lead_scores[number], strict=False)),
            {},
            number,
            column,
        )
        pools.put("all", rows)
        if counts[number][-1]:
            pools.put("near", pools.of("near") + column.cut_line(-1, number))
        _put_own(pools, context)
        if context.query and pools.counts.get("results"):
            _by_words(table, pools, context)
        yield pools


def _used_kinds(contexts: Sequence[PageContext]) -> list[Kind]:
    """The kinds that the scenes' modules show, in the order of KINDS."""
    plans = {id(context.plan): context.plan for context in contexts}.values()
    kinds = frozenset[Kind]().union(*[plan.kinds for plan in plans])
    return [kind for kind in KINDS if kind in kinds]


def _pool_rows(
    batch: _Batch, kinds: list[Kind], starts: NDArray[np.intp]
) -> tuple[_PoolRows, list[list[float]]]:
    """The rows of each kind, and of each scene the leads of its shelves."""
    size = len(batch.rows)
    flags = np.array([*(_FLAG[kind] for kind in kinds), _BESIDE if "near" in kinds else 0], np.uint16)
    where = (flags[:, None] & batch.flags).ravel().nonzero()[0]
    bounds = where.searchsorted((np.arange(len(flags)) * size)[:, None] + starts)
    if not len(where):
        return _PoolRows(kinds, _NO_ROWS, bounds), [[0.0] * len(kinds)] * (len(starts) - 1)
    scores = batch.scores.take(where, mode="wrap").astype(np.float64)
    first, last = bounds[:, :-1], bounds[:, 1:] - 1
    lead_scores = scores.take(first, mode="clip") + scores.take(
        np.minimum(first + (BEST - 1), last), mode="clip"
    )
    return _PoolRows(kinds, batch.rows.take(where, mode="wrap"), bounds), lead_scores.T.tolist()


def _put_own(pools: CandidatePools, context: PageContext) -> None:
    """What the visitor knows already, in its own order."""
    cart = context.cart
    own: dict[Kind, list[int]] = {"cart": cart, "recent": [row for row in context.recent if row not in cart]}
    for kind, rows in own.items():
        pools.made[kind], pools.counts[kind] = rows, len(rows)


def _by_words(table: ItemTable, pools: CandidatePools, context: PageContext) -> None:
    """Search results: those that carry most of the words first, then as popular, moved by their scores."""
    found: list[int] = []
    for word in set(tokenise(context.query)):
        found += table.words.get(word, _NO_ROWS).tolist()
    carried = Counter(found)
    place = {row: number for number, row in enumerate(context.anchors.tolist())}

    def order(row: int) -> tuple[float, float, int]:
        return -carried[row], place[row] / PLACES_A_SCORE - pools.value[row], row

    pools.put("results", sorted(pools.of("results"), key=order))


def _batch_of(contexts: Sequence[PageContext], scores: Sequence[Floats]) -> _Batch:
    """Candidates that rules allow, with boosted and standardised scores."""
    rows = np.concatenate([context.candidates.rows for context in contexts])
    sources = np.concatenate([context.candidates.sources for context in contexts])
    owner = np.repeat(np.arange(len(contexts)), [len(part) for part in scores])
    values = np.concatenate(scores)
    first = contexts[0].rules
    if all(context.rules is first for context in contexts):
        allowed = first.allowed[rows]
    else:
        allowed = np.concatenate([context.rules.allowed[context.candidates.rows] for context in contexts])
    if not allowed.all():
        rows, sources, owner, values = rows[allowed], sources[allowed], owner[allowed], values[allowed]
    batch = _Batch(rows, sources, values, owner, _FLAGS_OF_SOURCES[sources])
    if any(context.rules.boost is not None for context in contexts):
        _boost(contexts, batch)
    _standardise(batch, len(contexts))
    return batch


def _boost(contexts: Sequence[PageContext], batch: _Batch) -> None:
    """Multiplies scores counted from the visitor's lowest, so that a factor means the same for any ranker."""
    starts = np.searchsorted(batch.owner, np.arange(len(contexts) + 1)).tolist()
    batch.scores = batch.scores.copy()
    for context, (start, end) in zip(contexts, pairwise(starts), strict=True):
        if context.rules.boost is not None and end > start:
            mine = batch.scores[start:end]
            mine -= mine.min()
            mine *= context.rules.boost[batch.rows[start:end]]


def _standardise(batch: _Batch, size: int) -> None:
    count = np.maximum(np.bincount(batch.owner, minlength=size), 1)
    mean = np.bincount(batch.owner, batch.scores, minlength=size) / count
    away = batch.scores - mean.take(batch.owner)
    deviation = np.sqrt(np.bincount(batch.owner, away * away, minlength=size) / count)
    deviation[deviation < 1e-6] = 1.0
    batch.scores = (away / deviation.take(batch.owner)).round(DIGITS).astype(np.float32)


def _flag(table: ItemTable, contexts: Sequence[PageContext], batch: _Batch) -> None:
    """Adds the flags that depend on what the scene is about."""
    rows, owner = batch.rows, batch.owner
    codes = table.categories.column
    anchor = np.array([context.anchor for context in contexts], np.int32)
    anchor_code = np.where(anchor >= 0, codes.take(anchor), -1)
    focus = np.array([table.categories.of.get(context.focus, -1) for context in contexts], np.int32)
    code = codes.take(rows)
    price = table.price.take(rows)
    near = code == anchor_code.take(owner)
    focused = code == focus.take(owner)
    ratio = price / table.price.take(anchor).take(owner)
    near &= rows != anchor.take(owner)
    flags = batch.flags
    flags |= near * _FLAG["near"]
    flags |= (near & (ratio >= STEP_UP) & (ratio <= SPREAD)) * _FLAG["finer"]
    flags |= (near & (ratio <= BETTER) & (ratio >= 1 / SPREAD)) * _FLAG["cheaper"]
    flags |= (price <= table.list_price.take(rows) * REDUCED) * _FLAG["reduced"]
    flags |= (~(focused | near)) * _FLAG["other"]
    if any(context.plan.page == "category" for context in contexts):
        listing = np.array([context.plan.page == "category" for context in contexts]).take(owner)
        focused = np.where(listing, (batch.sources & BIT["subject"]) != 0, focused)
    flags |= focused * _FLAG["category"]
    _flag_neighbours(table, anchor, batch)


def _flag_neighbours(table: ItemTable, anchor: NDArray[np.int32], batch: _Batch) -> None:
    """What was looked at together with the anchor itself: other looks have neighbours too."""
    other = (batch.flags & _FLAG["near"]) == 0
    which = (other & ((batch.sources & BIT["neighbours"]) != 0)).nonzero()[0]
    anchors = anchor.take(batch.owner.take(which))
    found = (table.co_viewed.take(anchors, axis=0) == batch.rows.take(which)[:, None]).any(axis=1)
    batch.flags[which[found & (anchors >= 0)]] |= _BESIDE


def _put_in_order(batch: _Batch) -> None:
    """Sorts by owner, falling score, then row: one sort of all three in one number."""
    bits = (batch.scores + np.float32(0.0)).view(np.int32)
    falling = np.where(bits < 0, bits ^ np.int32(0x7FFF_FFFF), bits)
    keys = (batch.owner << 55) + ((0x8000_0000 - falling.astype(np.int64)) << 23)
    keys += np.arange(len(bits))
    keys.sort(kind="stable")  # merges what is grouped by owner already
    order = keys & 0x7F_FFFF
    batch.rows, batch.scores, batch.flags = (
        batch.rows.take(order),
        batch.scores.take(order),
        batch.flags.take(order),
    )
