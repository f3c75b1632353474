"""The live page of active visitors: the policy run on the current shop, as bytes for the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from models.layout.fills.packed_fills import PackedFills, fills_of_body
from models.policy.decide import decide
from models.policy.inspection.decision_sample import DecisionSample
from models.policy.inspection.explain import decision_record
from models.policy.layout_decision import LayoutDecision, PageRequest
from models.policy.snapshot import Snapshot
from streams.runtime.telemetry.metrics import Metrics
from streams.workers.personalize.decider import LiveLayoutRequest, LiveLayoutUpdate


class LivePage:
    """The `Decide` of a worker.

    Args:
        current_snapshot: asked once a run, so that no decision mixes two snapshots.
        page: the page kept decided (ETALAGE_LIVE_PAGE).
        sample: share of visitors, 0 to 1, whose changed layouts get a decision record (`DecisionSample`).
        metrics: `layouts_decided_total`.
    """

    def __init__(
        self, current_snapshot: Callable[[], Snapshot], *, page: Any, sample: float, metrics: Metrics
    ) -> None:
        self._current_snapshot, self._page, self._metrics = current_snapshot, page, metrics
        self._sample = DecisionSample(sample)

    def __call__(self, requests: Sequence[LiveLayoutRequest], at: float) -> Sequence[LiveLayoutUpdate]:
        """An update for each request, as `Decide`; raises what the policy raises (RankerFailed, defects)."""
        pages = [self._page_request(one) for one in requests]
        # One snapshot for all: no mixture of generations.
        decided = decide(self._current_snapshot(), pages, at)
        self._count(decided)
        return [
            self._update(made, whole=made.changed or one.whole)
            for made, one in zip(decided, requests, strict=True)
        ]

    def _page_request(self, one: LiveLayoutRequest) -> PageRequest:
        previous: PackedFills | None = one.previous
        if previous is None and one.body is not None:
            previous = fills_of_body(one.body)
        return PageRequest(
            visitor=one.visitor,
            state=one.state,
            version=one.version,
            page=self._page,
            previous=previous,
            explained=self._sample.takes(one.visitor),
        )

    def _update(self, made: LayoutDecision, *, whole: bool) -> LiveLayoutUpdate:
        recorded = made.changed and made.request.explained
        return LiveLayoutUpdate(
            head=made.head(),
            body=made.body() if whole else None,
            fills=made.fills,
            record=decision_record(made) if recorded else None,
        )

    def _count(self, decided: Sequence[LayoutDecision]) -> None:
        labels = Counter((made.fills.provenance.mode, made.fills.provenance.reason) for made in decided)
        for (mode, reason), count in labels.items():
            self._metrics.count("layouts_decided_total", count, mode=mode, reason=reason)
