"""Contexts and pools of single pages, made as a run of the policy makes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.candidates.generation import CANDIDATES_MAX, begin_visit, find_page_rows
from models.candidates.sources import propose_candidates
from models.candidates.visit import Visit
from models.features.index import index_features, write_features
from models.features.spec import NAMES
from models.layout.context import PageContext, state_reason
from models.layout.kinds.candidates import ScoredCandidates
from models.layout.kinds.kind import Pool
from models.layout.kinds.registry import page_columns
from models.layout.pools import PoolBuilder
from models.storefront.shop import Shop
from models.visitor.state import VisitorState
from schemas.ids import hash32
from schemas.storefront import PageType
from tests.unit.models.random_shops import AT, OddRanker

Floats = NDArray[np.float32]


class PagePools(Struct, frozen=True):
    """What was collected for one page.

    Attributes:
        scores: Item row -> standardised score of every candidate that rules allow, best first.
        rows: Pool name -> its rows.
        lead_scores: Pool name -> its lead score.
    """

    scores: dict[int, float]
    rows: dict[str, list[int]]
    lead_scores: dict[str, float]

    def of(self, pool: Pool) -> list[int]:
        return self.rows[pool.name]


def begin_page(
    shop: Shop,
    state: VisitorState,
    page: PageType = "home",
    *,
    item: str | None = None,
    category: str = "mugs",
    q: str = "thing 12",
) -> PageContext:
    """The context of a page with its candidates; a stranger's state is not used."""
    table, visit, context = shop.items, Visit(), PageContext()
    page_rows = find_page_rows(table, page, item=item, category=category, q=q)
    begin_visit(visit, table, state, page, page_rows, AT)
    if state_reason(visit.state) != "ok":
        begin_visit(visit, table, b"", page, page_rows, AT)
    propose_candidates(visit, CANDIDATES_MAX)
    about = hash32(category) if page == "category" else 0
    query = q if page == "search" else ""
    words = table.search(query).word_counts
    context.begin(visit, page_columns(shop.view, page, AT), about, query, words.data)
    return context


def score_pages(shop: Shop, contexts: Sequence[PageContext]) -> list[Floats]:
    """The scores of each page's candidates, of one run of the ranker."""
    counts = [context.visit.count for context in contexts]
    ends, index = np.cumsum([0, *counts]).tolist(), index_features(shop.items)
    features = np.empty((ends[-1], len(NAMES)), np.float32)
    for context, first in zip(contexts, ends, strict=False):
        write_features(context.visit, index, features.data, first)
    return np.split(OddRanker().score(features), ends[1:-1])


def collect_pools(contexts: Sequence[PageContext], scores: Sequence[Floats]) -> list[PagePools]:
    """The pools of pages whose scores stand one after the other, by one builder for all."""
    builder, found, column = PoolBuilder(), ScoredCandidates(), np.concatenate(scores)
    first, made = 0, []
    for context, own in zip(contexts, scores, strict=True):
        builder.build(context, column.data, first, found)
        first += len(own)
        made.append(_copy_pools(context, found))
    return made


def _copy_pools(context: PageContext, found: ScoredCandidates) -> PagePools:
    rows, names = np.asarray(found.pool_rows), [pool.name for pool in context.page.pools]
    return PagePools(
        {found.rows[i]: found.scores[i] for i in range(found.count)},
        {name: rows[number, : found.sizes[number]].tolist() for number, name in enumerate(names)},
        {name: found.lead_scores[number] for number, name in enumerate(names)},
    )
