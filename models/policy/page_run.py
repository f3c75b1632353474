"""One run of the policy: up to RUN_MAX pages whose candidates are scored together.

What a run works with is made once and used again: a decision allocates little. A run is borrowed for a call of
the policy and given back; one that was not (because the call raised) is let go, so nothing half-done is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from weakref import ref

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.candidates.generation import CANDIDATES_MAX, copy_candidates, find_page_rows
from models.candidates.sources import propose_candidates
from models.candidates.visit import Visit
from models.catalog.search import count_words
from models.features.index import write_features
from models.features.spec import NAMES
from models.layout.assembly.slots import Assembly
from models.layout.context import PageContext, newest_event_at, state_reason
from models.layout.fills.packed_fills import PackedFills, translate_fills
from models.layout.kinds.candidates import ScoredCandidates
from models.layout.kinds.registry import page_columns
from models.layout.pools import PoolBuilder
from models.policy.content import compare_content
from models.policy.layout_decision import Evidence, LayoutDecision, PageRequest
from models.policy.scoring import provenance_of, score_rows
from models.policy.snapshot import Snapshot
from models.visitor.affinities import label_key
from schemas.errors import UnknownVersion
from schemas.layouts import Reason
from schemas.storefront import PAGE_ORDER

RUN_MAX = 16
"""Pages of one run: their features are 400 kB, which stay in cache; with 64 a page takes half as long again."""
_NO_ROWS = np.empty(0, np.int32).data
_FREE_MAX = 4
_free: list[PageRun] = []
_PAGES = {page: number for number, page in enumerate(PAGE_ORDER)}


def borrow_run() -> PageRun:
    """A run that nobody uses; threads may each have one."""
    return _free.pop() if _free else PageRun()


def give_back(run: PageRun) -> None:
    """Lets others use a run again."""
    if len(_free) < _FREE_MAX:
        _free.append(run)


class _Begun(Struct, frozen=True, eq=False):
    """A page of the run with its candidates: `as_of` is the time of the visitor's newest event, `reason` why
    the state is used or not."""

    request: PageRequest
    as_of: int
    reason: Reason


class PageRun:
    """What a run works with."""

    def __init__(self) -> None:
        self._visits = [Visit() for _ in range(RUN_MAX)]
        self._contexts = [PageContext() for _ in range(RUN_MAX)]
        self._pools, self._candidates, self._assembly = PoolBuilder(), ScoredCandidates(), Assembly()
        self._features = np.empty((RUN_MAX * CANDIDATES_MAX, len(NAMES)), np.float32)

    def decide(self, snapshot: Snapshot, requests: Sequence[PageRequest], at: float) -> list[LayoutDecision]:
        """Decides at most RUN_MAX requests; see `models.policy.decide.decide`."""
        begun, ends = [], [0]
        for visit, context, request in zip(self._visits, self._contexts, requests, strict=False):
            begun.append(self._begin(snapshot, visit, context, request, at))
            write_features(visit, snapshot.features, self._features.data, ends[-1])
            ends.append(ends[-1] + visit.count)
        features = self._features[: ends[-1]]
        known = np.array([one.reason == "ok" for one in begun]).repeat(np.diff(ends))
        scores, failed = score_rows(snapshot.ranker, features, known)
        return [
            self._finish(snapshot, number, begun[number], (scores, failed), (first, last), at)
            for number, (first, last) in enumerate(pairwise(ends))
        ]

    def _begin(
        self, snapshot: Snapshot, visit: Visit, context: PageContext, request: PageRequest, at: float
    ) -> _Begun:
        shop = snapshot.shop
        table, page = shop.items, page_columns(shop.view, request.page, at)
        number, rows = _PAGES[request.page], _NO_ROWS
        if request.page != "home":
            rows = find_page_rows(
                table, request.page, item=request.item, category=request.category, q=request.q
            ).data
        visit.begin(table.columns, request.state, number, rows, at)
        if request.state and not visit.known:
            raise UnknownVersion(f"a state of version {request.state[0]} that cannot be read")
        reason: Reason = state_reason(visit.state)
        as_of = newest_event_at(visit.state)
        if reason != "ok":
            visit.begin(table.columns, b"", number, rows, at)
        propose_candidates(visit, CANDIDATES_MAX)
        query = request.q if request.page == "search" and request.q else ""
        category = label_key(request.category) if request.page == "category" and request.category else 0
        context.begin(visit, page, category, query, count_words(table.words, query) if query else {})
        return _Begun(request, as_of, reason)

    def _finish(
        self,
        snapshot: Snapshot,
        number: int,
        begun: _Begun,
        scored: tuple[NDArray[np.float32], Reason | None],
        span: tuple[int, int],
        at: float,
    ) -> LayoutDecision:
        shop, request, context = snapshot.shop, begun.request, self._contexts[number]
        scores, failed = scored
        first, last = span
        self._read_previous(snapshot, request)
        self._pools.build(context, scores.data, first, self._candidates)
        self._assembly.assemble(context, self._candidates, shop.view.columns)
        provenance = provenance_of(snapshot.ranker, begun.reason, failed)
        visit = self._visits[number]
        return compare_content(
            LayoutDecision(
                request=request,
                fills=PackedFills(
                    layout_id="",
                    provenance=provenance,
                    content=self._assembly.fills.pack(),
                    view=ref(shop.view),
                ),
                changed=True,
                shop=shop,
                as_of=begun.as_of,
                at=at,
                subject_known=visit.page_row_count > 0,
                evidence=self._evidence(visit, scores[first:last], first) if request.explained else None,
            )
        )

    def _evidence(self, visit: Visit, scores: NDArray[np.float32], first: int) -> Evidence:
        features: Any = self._features[first : first + visit.count].copy()
        return Evidence(copy_candidates(visit), scores.copy(), features)

    def _read_previous(self, snapshot: Snapshot, request: PageRequest) -> None:
        """What the visitor saw last, in the numbers of this Shop's view."""
        shop, previous, fills = snapshot.shop, request.previous, self._assembly.items.previous
        if previous is None:
            fills.clear()
        elif previous.view() is shop.view:
            fills.read(previous.content)
        else:
            fills.read_list(translate_fills(previous, shop.view, request.page, shop.items.row_by_id))
