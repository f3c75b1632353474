"""One run of the policy: up to RUN_MAX pages whose candidates are scored together.

What a run works with is made once and used again: a decision allocates little. A run is borrowed for a call of
the policy and given back; one that was not (because the call raised) is let go, so nothing half-done is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from weakref import ref

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.candidates.generation import CANDIDATES_MAX, copy_candidates, find_page_rows
from models.candidates.sources import propose_candidates
from models.candidates.visit import Visit
from models.catalog.search import count_words
from models.features.index import limit_features, write_features
from models.features.spec import NAMES
from models.layout.assembly.slots import Assembly
from models.layout.context import PageContext, newest_event_at, state_reason
from models.layout.fills.packed_fills import PackedFills, translate_fills
from models.layout.kinds.candidates import ScoredCandidates
from models.layout.kinds.registry import page_columns
from models.layout.pools import PoolBuilder
from models.policy.content import identify_content
from models.policy.layout_decision import Evidence, LayoutDecision, PageRequest
from models.policy.scoring import UNDERSTUDY, provenance_of, score_rows
from models.policy.snapshot import Snapshot
from models.storefront.shop import Shop
from models.visitor.affinities import label_key
from schemas.errors import UnknownVersion
from schemas.layouts import Reason
from schemas.storefront import PAGE_ORDER

RUN_MAX = 16
"""Pages of one run: their features are 400 kB, which stay in cache; with 64 a page takes half as long again."""
_NO_ROWS = np.empty(0, np.int32).data
_NO_WORDS: Mapping[int, int] = {}
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


class _Begun(Struct, frozen=True, gc=False):
    """A page of the run with its candidates: `as_of` is the time of the visitor's newest event, `reason` why
    the state is used or not."""

    as_of: int
    reason: Reason


class PageRun:
    """What a run works with."""

    def __init__(self) -> None:
        self._visits = [Visit() for _ in range(RUN_MAX)]
        self._contexts = [PageContext() for _ in range(RUN_MAX)]
        self._pools, self._candidates, self._assembly = PoolBuilder(), ScoredCandidates(), Assembly()
        self._features = np.empty((RUN_MAX * CANDIDATES_MAX, len(NAMES)), np.float32)
        self._matrix = self._features.data
        self._unbounded: dict[int, NDArray[np.float32]] = {}

    def decide(self, snapshot: Snapshot, requests: Sequence[PageRequest], at: float) -> list[LayoutDecision]:
        """Decides at most RUN_MAX requests; see `models.policy.decide.decide`."""
        begun: list[_Begun] = []
        ends = [0]
        self._unbounded.clear()
        for number, request in enumerate(requests):
            one = self._begin(snapshot, number, request, at)
            begun.append(one)
            ends.append(self._write_features(snapshot, number, request, one, ends[-1]))
        reasons = [one.reason for one in begun]
        known = None if reasons.count("ok") == len(reasons) else _known_rows(reasons, ends)
        features = self._features[: ends[-1]]
        scores, failed = score_rows(snapshot.ranker, features, known, clipped=True)
        if failed == "model_failed":  # the understudy's features have no bounds
            scores = self._score_again(snapshot, ends)
        return [
            self._finish(snapshot, number, request, begun[number], (scores, failed, ends[number]), at)
            for number, request in enumerate(requests)
        ]

    def _begin(self, snapshot: Snapshot, number: int, request: PageRequest, at: float) -> _Begun:
        """Reads the state and proposes candidates."""
        visit, table, state = self._visits[number], snapshot.shop.items, request.state
        page, rows = _PAGES[request.page], _NO_ROWS
        if request.page != "home":
            found = find_page_rows(
                table, request.page, item=request.item, category=request.category, q=request.q
            )
            rows = found.data
        visit.begin(table.columns, state, page, rows, at)
        if state and not visit.known:
            raise UnknownVersion(f"a state of version {state[0]} that cannot be read")
        reason: Reason = state_reason(visit.state)
        begun = _Begun(newest_event_at(visit.state), reason)
        if reason != "ok":
            visit.begin(table.columns, b"", page, rows, at)
        propose_candidates(visit, CANDIDATES_MAX)
        category, query, word_counts = 0, "", _NO_WORDS
        if request.page == "category" and request.category:
            category = label_key(request.category)
        elif request.page == "search" and request.q:
            query, word_counts = request.q, count_words(table.words, request.q)
        plan = page_columns(snapshot.shop.view, request.page, at)
        self._contexts[number].begin(visit, plan, category, query, word_counts)
        return begun

    def _write_features(
        self, snapshot: Snapshot, number: int, request: PageRequest, begun: _Begun, first: int
    ) -> int:
        """Writes the features of a page from row `first` on, within the bounds of the ranker that scores them;
        returns the row after the last."""
        visit, ranker = self._visits[number], snapshot.ranker
        write_features(visit, snapshot.features, self._matrix, first)
        end = first + visit.count
        if request.explained:
            self._unbounded[number] = self._features[first:end].copy()
        if begun.reason == "ok" and ranker is not None and ranker.bounds is not None:
            limit_features(self._matrix, first, end, *ranker.bounds)
        return end

    def _score_again(self, snapshot: Snapshot, ends: Sequence[int]) -> NDArray[np.float32]:
        for number, first in enumerate(ends[:-1]):
            write_features(self._visits[number], snapshot.features, self._matrix, first)
        return UNDERSTUDY.score(self._features[: ends[-1]])

    def _finish(
        self,
        snapshot: Snapshot,
        number: int,
        request: PageRequest,
        begun: _Begun,
        scored: tuple[NDArray[np.float32], Reason | None, int],
        at: float,
    ) -> LayoutDecision:
        """Assembles the page from its scores, which begin at an index of those of the run."""
        scores, failed, first = scored
        shop, visit, assembly = snapshot.shop, self._visits[number], self._assembly
        self._read_previous(shop, request)
        self._pools.build(self._contexts[number], scores.data, first, self._candidates)
        assembly.assemble(self._contexts[number], self._candidates, shop.view.columns)
        packed = assembly.fills.pack()
        provenance = provenance_of(snapshot.ranker, begun.reason, failed)
        content = identify_content(shop, request, assembly.fills, packed, provenance)
        return LayoutDecision(
            request=request,
            fills=PackedFills(
                layout_id=content.layout_id, provenance=provenance, content=packed, view=ref(shop.view)
            ),
            changed=content.changed,
            shop=shop,
            as_of=begun.as_of,
            at=at,
            subject_known=visit.page_row_count > 0,
            slots_without_id=content.slots,
            evidence=self._evidence(number, scores, first) if request.explained else None,
        )

    def _evidence(self, number: int, scores: NDArray[np.float32], first: int) -> Evidence:
        visit = self._visits[number]
        own = scores[first : first + visit.count].copy()
        return Evidence(copy_candidates(visit), own, self._unbounded[number])

    def _read_previous(self, shop: Shop, request: PageRequest) -> None:
        """What the visitor saw last, in the numbers of this Shop's view."""
        previous, fills = request.previous, self._assembly.items.previous
        if previous is None:
            fills.clear()
        elif previous.view() is shop.view:
            fills.read(previous.content)
        else:
            fills.read_list(translate_fills(previous, shop.view, request.page, shop.items.row_by_id))


def _known_rows(reasons: Sequence[Reason], ends: Sequence[int]) -> NDArray[np.bool_]:
    """bool[rows]: whether the row's visitor is known."""
    return np.array([reason == "ok" for reason in reasons]).repeat(np.diff(ends))
