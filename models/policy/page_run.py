"""One run of the policy: up to RUN_MAX pages whose candidates are scored together.

What a run works with is made once and used again: a decision allocates little.
"""

from typing import Any
from weakref import ref

import cython
import numpy as np

from models import use_compiled
from models.candidates.generation import CANDIDATES_MAX, copy_candidates, find_page_rows
from models.features.spec import NAMES
from models.layout.fills.packed_fills import PackedFills, translate_fills
from models.layout.kinds.registry import page_columns
from models.policy.layout_decision import Evidence, LayoutDecision
from models.policy.scoring import UNDERSTUDY, provenance_of, score_rows
from schemas.errors import UnknownVersion
from schemas.ids import hash32
from schemas.storefront import PAGE_ORDER

if not cython.compiled:
    from models.candidates.sources import propose_candidates
    from models.candidates.visit import Visit
    from models.features.index import limit_features, write_features
    from models.layout.assembly.slots import Assembly
    from models.layout.context import PageContext, newest_event_at, state_reason
    from models.layout.fills.page_fills import PageFills
    from models.layout.kinds.candidates import ScoredCandidates
    from models.layout.pools import PoolBuilder
    from models.policy.content import Content

RUN_MAX = cython.declare(cython.int, 16)
"""Pages of one run: their features, 400 kB, stay in cache; with 64 a page takes half as long again."""
_NO_PAGE_ROWS = np.empty(0, np.int32).data
_UNBOUNDED = np.empty(0, np.float32).data
_PAGE_NUMBERS: dict[Any, Any] = {page: number for number, page in enumerate(PAGE_ORDER)}


@cython.final
@cython.cclass
class PageRun:
    """What a run works with. Of one caller at a time."""

    _visits: list[Any]
    _contexts: list[Any]
    _reasons: list[Any]
    _as_of: list[Any]
    _firsts: list[Any]
    """The first row of each page in the feature matrix; those of known visitors come before the others."""
    _known_rows: cython.int
    _rows: cython.int
    _pools: PoolBuilder
    _candidates: ScoredCandidates
    _assembly: Assembly
    _features: Any
    _matrix: cython.float[:, ::1]
    _ranker: Any
    _low: cython.float[::1]
    _high: cython.float[::1]
    _columns: dict[Any, Any]
    _unbounded: dict[Any, Any]
    _at: cython.double

    def __init__(self) -> None:
        self._visits = [Visit() for _ in range(RUN_MAX)]
        self._contexts = [PageContext() for _ in range(RUN_MAX)]
        self._reasons, self._as_of, self._firsts = [], [], []
        self._known_rows = self._rows = 0
        self._pools, self._candidates, self._assembly = PoolBuilder(), ScoredCandidates(), Assembly()
        self._features = np.empty((RUN_MAX * CANDIDATES_MAX, len(NAMES)), np.float32)
        self._matrix = self._features.data
        self._ranker, self._low, self._high = None, _UNBOUNDED, _UNBOUNDED
        self._columns, self._unbounded = {}, {}
        self._at = 0.0

    def decide(self, snapshot: Any, requests: list[Any], at: float) -> list[Any]:
        """Decides at most RUN_MAX requests; see `models.policy.decide.decide`."""
        self._reasons, self._as_of, self._firsts = [], [], [0] * len(requests)
        self._columns, self._unbounded = {}, {}
        self._at = at
        self._take_bounds(snapshot.ranker)
        number: cython.int = 0
        for request in requests:
            self._begin(snapshot, number, request, at)
            number += 1
        self._rows = 0
        self._write_pages(snapshot, requests, True)
        self._known_rows = self._rows
        self._write_pages(snapshot, requests, False)
        scores, failed = self._score(snapshot)
        column: cython.float[::1] = scores.data
        provenances: dict[Any, Any] = {
            reason: provenance_of(snapshot.ranker, reason, failed) for reason in set(self._reasons)
        }
        decisions: list[Any] = []
        number = 0
        for request in requests:
            self._assemble(snapshot, number, request, column)
            provenance = provenances[self._reasons[number]]
            decisions.append(self._finish(snapshot, number, request, scores, provenance))
            number += 1
        return decisions

    @cython.cfunc
    def _take_bounds(self, ranker: Any) -> cython.void:
        """The bounds of the features that a ranker takes; kept until another ranker comes."""
        if ranker is self._ranker:
            return
        self._ranker, self._low, self._high = None, _UNBOUNDED, _UNBOUNDED
        if ranker is not None and ranker.bounds is not None:
            self._low, self._high = ranker.bounds.low.data, ranker.bounds.high.data
        self._ranker = ranker

    def _finish(
        self, snapshot: Any, number: cython.int, request: Any, scores: Any, provenance: Any
    ) -> LayoutDecision:
        """The decision for the page that was just assembled."""
        shop = snapshot.shop
        content = Content(shop.view, request, self._assembly.fills, provenance)
        fills = PackedFills(
            layout_id=content.layout_id, provenance=provenance, content=content.packed, view=ref(shop.view)
        )
        return LayoutDecision(
            request=request,
            fills=fills,
            changed=content.changed,
            shop=shop,
            as_of=self._as_of[number],
            at=self._at,
            subject_known=self._visit(number).page_row_count > 0,
            slots_without_id=content.slots,
            evidence=self._evidence(number, scores) if request.explained else None,
        )

    @cython.cfunc
    def _visit(self, number: cython.int) -> Visit:
        visit: Visit = self._visits[number]
        return visit

    @cython.cfunc
    def _begin(self, snapshot: Any, number: cython.int, request: Any, at: cython.double) -> cython.void:
        """Reads the state and proposes candidates."""
        if number >= RUN_MAX:
            raise ValueError(f"more than {RUN_MAX} requests in a run")
        visit: Visit = self._visits[number]
        context: PageContext = self._contexts[number]
        table = snapshot.shop.items
        state: bytes = request.state
        page: str = request.page
        page_number: cython.int = _PAGE_NUMBERS[page]
        rows = _NO_PAGE_ROWS
        query: str = ""
        word_counts = _NO_PAGE_ROWS
        if page == "search" and request.q:
            query = request.q
            matches = table.search(query)
            rows, word_counts = matches.rows.data, matches.word_counts.data
        elif page != "home":
            rows = find_page_rows(table, page, item=request.item, category=request.category, q=request.q).data
        visit.begin(table.columns, state, page_number, rows, at)
        if state and not visit.known:
            raise UnknownVersion(f"a state of version {state[0]} that cannot be read")
        reason = state_reason(visit.state)
        self._reasons.append(reason)
        self._as_of.append(newest_event_at(visit.state))
        if reason != "ok":
            visit.begin(table.columns, b"", page_number, rows, at)
        propose_candidates(visit, CANDIDATES_MAX)
        category: cython.longlong = 0
        if page == "category" and request.category:
            category = hash32(request.category)
        columns = self._columns.get(page)
        if columns is None:
            columns = self._columns[page] = page_columns(snapshot.shop.view, request.page, at)
        context.begin(visit, columns, category, query, word_counts)

    @cython.cfunc
    def _write_pages(self, snapshot: Any, requests: list[Any], known: cython.bint) -> cython.void:
        """Writes the features of the pages of known visitors, or of the others, within the bounds of the
        ranker that scores them."""
        number: cython.int
        for number in range(len(requests)):
            if (self._reasons[number] == "ok") != known:
                continue
            first: cython.int = self._rows
            self._firsts[number] = first
            self._rows += self._visit(number).count
            write_features(self._visit(number), snapshot.features, self._matrix, first)
            if requests[number].explained:
                self._unbounded[number] = self._features[first : self._rows].copy()
            if known and self._low.shape[0]:
                limit_features(self._matrix, first, self._rows, self._low, self._high)

    @cython.cfunc
    def _score(self, snapshot: Any) -> tuple[Any, ...]:
        """Scores of all rows, and why the ranker gave none."""
        features = self._features[: self._rows]
        scores, failed = score_rows(snapshot.ranker, features, self._known_rows, clipped=True)
        if failed == "model_failed":  # the understudy's features have no bounds
            number: cython.int
            for number in range(len(self._reasons)):
                write_features(self._visit(number), snapshot.features, self._matrix, self._firsts[number])
            scores = UNDERSTUDY.score(features)
        return scores, failed

    @cython.cfunc
    def _assemble(
        self, snapshot: Any, number: cython.int, request: Any, scores: cython.float[::1]
    ) -> cython.void:
        """Fills the slots of a page, given what the visitor saw last, in the numbers of this Shop's view."""
        shop, previous = snapshot.shop, request.previous
        context: PageContext = self._contexts[number]
        fills: PageFills = self._assembly.items.previous
        if previous is None:
            fills.clear()
        elif previous.view() is shop.view:
            fills.read(previous.content)
        else:
            fills.read_list(translate_fills(previous, shop.view, request.page, shop.items.row_by_id))
        self._pools.build(context, scores, self._firsts[number], self._candidates)
        self._assembly.assemble(context, self._candidates, shop.view.columns)

    @cython.cfunc
    def _evidence(self, number: cython.int, scores: Any) -> Any:
        first: cython.int = self._firsts[number]
        end: cython.int = first + self._visit(number).count
        return Evidence(
            copy_candidates(self._visits[number]), scores[first:end].copy(), self._unbounded[number]
        )


if not cython.compiled:
    use_compiled(globals())
