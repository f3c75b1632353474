"""Scored candidates in order and in pools, one pool for each kind of module; for many pages at once.

Scores are standardised within the page, so that margins and module scores mean the same for any ranker.
Equal scores are ordered by item id (rows are).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.catalog.table import ItemTable
from models.layout.context import PageContext
from models.layout.kinds.kind import CandidateBatch, Mask, Pool
from models.layout.kinds.registry import kind_of

Floats = NDArray[np.float32]
BEST = 4
"""The first item and the one at this place speak for a module."""

DIGITS = 4
"""Decimals of standardised scores: the last bits depend on how many rows a ranker was given at once, and must
not reorder a page."""


class CandidatePools(Struct, frozen=True, eq=False):
    """One page's candidates in order. Its lists are made when asked for: most are not."""

    value: dict[int, float]
    """The standardised score of every row."""
    counts: dict[str, int]
    """Rows of each pool, by its name."""
    lead_scores: dict[str, float]
    """Of each pool with candidates, the scores of the first and of the BEST-th (or last) row, added."""
    made: dict[str, list[int]]
    number: int
    lines: _PoolLines

    def of(self, pool: Pool) -> list[int]:
        """The rows of a pool, best first; the visitor's own lists in their own order."""
        rows = self.made.get(pool.name)
        if rows is None:
            rows = self.made[pool.name] = self.lines.cut(pool.name, self.number)
        return rows

    def put(self, pool: Pool, rows: list[int]) -> None:
        """Sets the rows of a pool, in another order than that of the scores."""
        name = pool.name
        self.made[name], self.counts[name] = rows, len(rows)
        if rows and pool.own is None:
            self.lead_scores[name] = self.value[rows[0]] + self.value[rows[:BEST][-1]]


class _PoolLines(Struct, frozen=True, eq=False):
    """The rows of all masked pools of all pages: line by line, page by page, best first."""

    names: list[str]
    """The pool of each line; the lines of `after` masks follow all others."""
    rows: NDArray[np.int32]
    bounds: NDArray[np.intp]
    """intp[lines, pages + 1]: where each stretch begins and ends."""

    def cut(self, name: str, number: int) -> list[int]:
        """The rows of a pool on a page: those of its mask, then those of its `after` mask."""
        rows: list[int] = []
        for line, other in enumerate(self.names):
            if other == name:
                rows += self.rows[self.bounds[line, number] : self.bounds[line, number + 1]].tolist()
        return rows


class _Scored(Struct, frozen=True, eq=False):
    """All pages' candidates that rules allow, and whose they are (ascending)."""

    batch: CandidateBatch
    scores: Floats
    starts: NDArray[np.intp]
    """intp[pages + 1]: where each page's rows begin."""


def build_pools(
    table: ItemTable, contexts: Sequence[PageContext], scores: Sequence[Floats]
) -> Iterator[CandidatePools]:
    """The pools of each page, made when it is its turn, so that its lists are used while in cache.

    Args:
        table: The items.
        contexts: The pages; only pools that one of their modules shows are made.
        scores: float32[candidates] of each page, on the scale of the ranker.

    Complexity: one sort of all candidates; numpy calls do not grow with the number of pages.
    """
    scored = _best_first(table, contexts, scores)
    pools = _used_pools(contexts)
    lines, lead_scores = _pool_lines(scored, pools)
    counts, ends = np.diff(lines.bounds).T.tolist(), scored.starts.tolist()
    for number, context in enumerate(contexts):
        part = slice(ends[number], ends[number + 1])
        rows = scored.batch.rows[part].tolist()
        value = dict(zip(rows, scored.scores[part].tolist(), strict=True))
        made = CandidatePools(
            value,
            dict(zip(lines.names, counts[number], strict=True)),
            dict(zip(lines.names, lead_scores[number], strict=True)),
            {},
            number,
            lines,
        )
        for pool in pools:
            _complete(made, pool, context, rows, table)
        yield made


def _complete(
    pools: CandidatePools, pool: Pool, context: PageContext, rows: list[int], table: ItemTable
) -> None:
    """Puts what a mask alone does not make: everything, own lists, second masks, other orders."""
    if pool.everything:
        pools.put(pool, rows)
    elif pool.own is not None:
        pools.put(pool, pool.own(context))
    elif pool.after is not None or pool.order is not None:
        mine = pools.of(pool)
        if mine and pool.order is not None:
            mine = pool.order(table, context, mine, pools.value)
        pools.put(pool, mine)


def _used_pools(contexts: Sequence[PageContext]) -> list[Pool]:
    """The pools that the modules of these pages show, each once."""
    plans = {id(context.plan): context.plan for context in contexts}.values()
    pools = [kind_of(module).pool for plan in plans for module in plan.modules]
    return list({pool.name: pool for pool in pools}.values())


def _pool_lines(scored: _Scored, pools: Sequence[Pool]) -> tuple[_PoolLines, list[list[float]]]:
    """The rows of each masked pool, and of each page the lead scores of its lines."""
    batch, starts = scored.batch, scored.starts
    masks = [(pool.name, pool.mask) for pool in pools if pool.mask is not None]
    masks += [(pool.name, pool.after) for pool in pools if pool.after is not None]
    names, size = [name for name, _ in masks], len(batch.rows)
    member: Mask = np.empty((len(masks), size), bool)
    for line, (_, mask) in enumerate(masks):
        member[line] = mask(batch)
    where = member.ravel().nonzero()[0]
    bounds = where.searchsorted((np.arange(len(masks)) * size)[:, None] + starts)
    if not len(where):
        return _PoolLines(names, batch.rows[:0], bounds), [[0.0] * len(masks)] * (len(starts) - 1)
    scores = scored.scores.take(where, mode="wrap").astype(np.float64)
    first, last = bounds[:, :-1], bounds[:, 1:] - 1
    best = scores.take(first, mode="clip") + scores.take(np.minimum(first + (BEST - 1), last), mode="clip")
    return _PoolLines(names, batch.rows.take(where, mode="wrap"), bounds), best.T.tolist()


def _best_first(table: ItemTable, contexts: Sequence[PageContext], scores: Sequence[Floats]) -> _Scored:
    """Candidates that rules allow, with boosted and standardised scores: page by page, best first."""
    rows = np.concatenate([context.candidates.rows for context in contexts])
    sources = np.concatenate([context.candidates.sources for context in contexts])
    owner = np.repeat(np.arange(len(contexts)), [len(part) for part in scores])
    values = np.concatenate(scores)
    allowed = _allowed(contexts, rows)
    if not allowed.all():
        rows, sources, owner, values = rows[allowed], sources[allowed], owner[allowed], values[allowed]
    starts = owner.searchsorted(np.arange(len(contexts) + 1))
    if any(context.rules.boost is not None for context in contexts):
        values = _boost(contexts, rows, values, starts)
    values = _standardise(values, owner, len(contexts))
    order = _order(owner, values)
    batch = CandidateBatch(table, contexts, rows=rows.take(order), sources=sources.take(order), owner=owner)
    return _Scored(batch, values.take(order), starts)


def _allowed(contexts: Sequence[PageContext], rows: NDArray[np.int32]) -> Mask:
    """bool[m]: which of all rows the rules of their page allow."""
    first = contexts[0].rules
    if all(context.rules is first for context in contexts):
        return first.allowed[rows]
    return np.concatenate([context.rules.allowed[context.candidates.rows] for context in contexts])


def _boost(
    contexts: Sequence[PageContext], rows: NDArray[np.int32], values: Floats, starts: NDArray[np.intp]
) -> Floats:
    """Multiplies scores counted from the visitor's lowest, so that a factor means the same for any ranker."""
    values = values.copy()
    for context, (start, end) in zip(contexts, pairwise(starts.tolist()), strict=True):
        if context.rules.boost is not None and end > start:
            mine = values[start:end]
            mine -= mine.min()
            mine *= context.rules.boost[rows[start:end]]
    return values


def _standardise(values: Floats, owner: NDArray[np.int64], size: int) -> Floats:
    """Mean 0 and deviation 1 within each page, rounded to DIGITS; equal scores all become 0."""
    count = np.maximum(np.bincount(owner, minlength=size), 1)
    mean = np.bincount(owner, values, minlength=size) / count
    away = values - mean.take(owner)
    deviation = np.sqrt(np.bincount(owner, away * away, minlength=size) / count)
    deviation[deviation < 1e-6] = 1.0
    standardised: Floats = (away / deviation.take(owner)).round(DIGITS).astype(np.float32)
    return standardised


def _order(owner: NDArray[np.int64], values: Floats) -> NDArray[np.int64]:
    """The order by owner, falling score, then row: one sort of all three in one number."""
    bits = (values + np.float32(0.0)).view(np.int32)
    falling = np.where(bits < 0, bits ^ np.int32(0x7FFF_FFFF), bits)
    keys = (owner << 55) + ((0x8000_0000 - falling.astype(np.int64)) << 23)
    keys += np.arange(len(bits))
    keys.sort(kind="stable")  # merges what is grouped by owner already
    return keys & 0x7F_FFFF
