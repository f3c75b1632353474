"""Candidate pools: a page's scored candidates in order, and which of them each module kind may show.

Scores are standardised within the page, so that margins and module scores mean the same for any ranker. Equal
scores are ordered by item id, as rows are. Many pages are computed at once.
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

Floats = NDArray[np.float32]
LEAD_RANK = 4
"""A pool's lead score is that of its first and its LEAD_RANK-th item. Own choice, not tuned."""

SCORE_DECIMALS = 4
"""Decimals of standardised scores. The last bits depend on how many rows a ranker was given at once, and must
not reorder a page."""
DEVIATION_MIN = 1e-6
"""A deviation below this counts as equal scores."""


class CandidatePools(Struct, frozen=True, eq=False):
    """The pools of one page. Their lists are made when asked for, for most are not.

    Attributes:
        scores: Item row -> standardised score, of every candidate that rules allow.
        counts: Pool name -> number of rows.
        lead_scores: Pool name -> sum of the scores of its first and its LEAD_RANK-th (or last) row; 0
            without rows.
        lists: Pool name -> its rows, as far as made.
        page: The page's number in the batch.
        masked: Where the rows of masked pools come from.
    """

    scores: dict[int, float]
    counts: dict[str, int]
    lead_scores: dict[str, float]
    lists: dict[str, list[int]]
    page: int
    masked: _MaskedRows

    def of(self, pool: Pool) -> list[int]:
        """Item rows of a pool: best first, or in the pool's own order."""
        rows = self.lists.get(pool.name)
        if rows is None:
            rows = self.lists[pool.name] = self.masked.rows_of(pool.name, self.page)
        return rows

    def put(self, pool: Pool, rows: list[int]) -> None:
        """Sets the rows of a pool that is not made by its mask alone."""
        name = pool.name
        self.lists[name], self.counts[name] = rows, len(rows)
        if rows and pool.own is None:
            self.lead_scores[name] = self.scores[rows[0]] + self.scores[rows[:LEAD_RANK][-1]]


class _MaskedRows(Struct, frozen=True, eq=False):
    """The rows of all masks of all pages: mask by mask, page by page, best first.

    Attributes:
        names: The pool of each mask; `spare_mask`s follow all others.
        rows: int32[rows].
        bounds: intp[masks, pages + 1], where each page's rows of each mask begin and end.
    """

    names: list[str]
    rows: NDArray[np.int32]
    bounds: NDArray[np.intp]

    def rows_of(self, name: str, page: int) -> list[int]:
        """The rows of a pool on a page: those of its mask, then those of its `spare_mask`."""
        rows: list[int] = []
        for mask, other in enumerate(self.names):
            if other == name:
                rows += self.rows[self.bounds[mask, page] : self.bounds[mask, page + 1]].tolist()
        return rows


class _OrderedCandidates(Struct, frozen=True, eq=False):
    """All pages' candidates that rules allow: page by page, best first.

    Attributes:
        batch: Their rows, m in all.
        scores: float32[m], standardised.
        starts: intp[pages + 1], where each page's rows begin.
    """

    batch: CandidateBatch
    scores: Floats
    starts: NDArray[np.intp]


def build_pools(
    table: ItemTable, contexts: Sequence[PageContext], scores: Sequence[Floats], pools: Sequence[Pool]
) -> Iterator[CandidatePools]:
    """The pools of each page, made when it is its turn, so that its lists are used while in cache.

    Args:
        table: The items.
        contexts: The pages.
        scores: float32[candidates] of each page, on the scale of the ranker.
        pools: Those to make: what the modules of the pages show (`kinds.registry.used_pools`).

    Complexity: One sort of all m candidates, O(m log m), and O(m) for each mask; numpy calls do not grow with
        the number of pages.
    """
    candidates = _best_first(table, contexts, scores)
    masked, lead_scores = _apply_masks(candidates, pools)
    counts, ends = np.diff(masked.bounds).T.tolist(), candidates.starts.tolist()
    for number, context in enumerate(contexts):
        part = slice(ends[number], ends[number + 1])
        rows = candidates.batch.rows[part].tolist()
        page_pools = CandidatePools(
            dict(zip(rows, candidates.scores[part].tolist(), strict=True)),
            dict(zip(masked.names, counts[number], strict=True)),
            dict(zip(masked.names, lead_scores[number], strict=True)),
            {},
            number,
            masked,
        )
        for pool in pools:
            _complete(page_pools, pool, context, rows, table)
        yield page_pools


def _complete(
    pools: CandidatePools, pool: Pool, context: PageContext, rows: list[int], table: ItemTable
) -> None:
    """Puts the pools that a mask alone does not make: all candidates, own lists, two masks, own orders."""
    if pool.everything:
        pools.put(pool, rows)
    elif pool.own is not None:
        pools.put(pool, pool.own(context))
    elif pool.spare_mask is not None or pool.order is not None:
        members = pools.of(pool)
        if members and pool.order is not None:
            members = pool.order(table, context, members, pools.scores)
        pools.put(pool, members)


def _apply_masks(
    candidates: _OrderedCandidates, pools: Sequence[Pool]
) -> tuple[_MaskedRows, list[list[float]]]:
    """The rows of each mask, and for each page the lead scores of its masks."""
    batch, starts = candidates.batch, candidates.starts
    masks = [(pool.name, pool.mask) for pool in pools if pool.mask is not None]
    masks += [(pool.name, pool.spare_mask) for pool in pools if pool.spare_mask is not None]
    names, size = [name for name, _ in masks], len(batch.rows)
    member: Mask = np.empty((len(masks), size), bool)
    for number, (_, mask) in enumerate(masks):
        member[number] = mask(batch)
    where = member.ravel().nonzero()[0]
    bounds = where.searchsorted((np.arange(len(masks)) * size)[:, None] + starts)
    if not len(where):
        return _MaskedRows(names, batch.rows[:0], bounds), [[0.0] * len(masks)] * (len(starts) - 1)
    scores = candidates.scores.take(where, mode="wrap").astype(np.float64)
    first, last = bounds[:, :-1], bounds[:, 1:] - 1
    lead = scores.take(first, mode="clip") + scores.take(
        np.minimum(first + (LEAD_RANK - 1), last), mode="clip"
    )
    return _MaskedRows(names, batch.rows.take(where, mode="wrap"), bounds), lead.T.tolist()


def _best_first(
    table: ItemTable, contexts: Sequence[PageContext], scores: Sequence[Floats]
) -> _OrderedCandidates:
    """Candidates that rules allow, boosted, standardised and in order."""
    rows = np.concatenate([context.candidates.rows for context in contexts])
    sources = np.concatenate([context.candidates.sources for context in contexts])
    page_index = np.repeat(np.arange(len(contexts)), [len(part) for part in scores])
    values = np.concatenate(scores)
    allowed = _allowed_mask(contexts, rows)
    if not allowed.all():
        rows, sources, values = rows[allowed], sources[allowed], values[allowed]
        page_index = page_index[allowed]
    starts = page_index.searchsorted(np.arange(len(contexts) + 1))
    if any(context.rules.boost is not None for context in contexts):
        values = _boost(contexts, rows, values, starts)
    values = _standardise(values, page_index, len(contexts))
    order = _order_by_score(page_index, values)
    batch = CandidateBatch(
        table, contexts, rows=rows.take(order), sources=sources.take(order), page_index=page_index
    )
    return _OrderedCandidates(batch, values.take(order), starts)


def _allowed_mask(contexts: Sequence[PageContext], rows: NDArray[np.int32]) -> Mask:
    """bool[m]: which of all rows the rules of their page allow."""
    first = contexts[0].rules
    if all(context.rules is first for context in contexts):
        return first.allowed[rows]
    return np.concatenate([context.rules.allowed[context.candidates.rows] for context in contexts])


def _boost(
    contexts: Sequence[PageContext], rows: NDArray[np.int32], values: Floats, starts: NDArray[np.intp]
) -> Floats:
    """Scores multiplied by their boost, counted from the page's lowest: so a factor means the same for any
    ranker."""
    values = values.copy()
    for context, (start, end) in zip(contexts, pairwise(starts.tolist()), strict=True):
        if context.rules.boost is not None and end > start:
            part = values[start:end]
            part -= part.min()
            part *= context.rules.boost[rows[start:end]]
    return values


def _standardise(values: Floats, page_index: NDArray[np.int64], size: int) -> Floats:
    """Mean 0 and standard deviation 1 within each page, to SCORE_DECIMALS; equal scores all become 0."""
    count = np.maximum(np.bincount(page_index, minlength=size), 1)
    mean = np.bincount(page_index, values, minlength=size) / count
    away = values - mean.take(page_index)
    deviation = np.sqrt(np.bincount(page_index, away * away, minlength=size) / count)
    deviation[deviation < DEVIATION_MIN] = 1.0
    standardised: Floats = (away / deviation.take(page_index)).round(SCORE_DECIMALS).astype(np.float32)
    return standardised


def _order_by_score(page_index: NDArray[np.int64], values: Floats) -> NDArray[np.int64]:
    """The order by page, falling score, then row: one sort of all three packed in one int64."""
    bits = (values + np.float32(0.0)).view(np.int32)  # + 0.0 makes -0.0 equal to 0.0
    falling = np.where(bits < 0, bits ^ np.int32(0x7FFF_FFFF), bits)
    keys = (page_index << 55) + ((0x8000_0000 - falling.astype(np.int64)) << 23)
    keys += np.arange(len(bits))
    keys.sort(kind="stable")  # merges what is grouped by page already
    return keys & 0x7F_FFFF
