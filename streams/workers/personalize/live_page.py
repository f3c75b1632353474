"""The live page of visitors under way: the policy run on the shop of this process, as bytes for the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from models.layout.context import PageRequest
from models.layout.fills import PackedFills, fills_of_body
from models.policy.decide import decide
from models.policy.decision import LayoutDecision
from models.policy.explain import decision_record
from models.policy.snapshot import Snapshot
from schemas.codec import encode
from schemas.ids import VisitorId, hash64
from streams.runtime.telemetry.metrics import Metrics
from streams.workers.personalize.decider import LiveLayoutRequest, LiveLayoutUpdate


class HasSnapshot(Protocol):
    @property
    def snapshot(self) -> Snapshot:
        """The snapshot to use now."""
        ...


class LivePage:
    """`sample` is the share of visitors whose new layouts are recorded for analysis and training."""

    def __init__(self, follower: HasSnapshot, *, page: Any, sample: float, metrics: Metrics) -> None:
        self._follower, self._page, self._metrics = follower, page, metrics
        self._recorded_below = int(sample * 2**64)

    def __call__(self, requests: Sequence[LiveLayoutRequest], at: float) -> Sequence[LiveLayoutUpdate]:
        pages = [self._page_request(one) for one in requests]
        # One snapshot for all: no mixture of generations.
        decided = decide(self._follower.snapshot, pages, at)
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
            visitor=one.visitor, state=one.state, version=one.version, page=self._page, previous=previous
        )

    def _update(self, made: LayoutDecision, *, whole: bool) -> LiveLayoutUpdate:
        recorded = made.changed and self._sampled(made.request.visitor)
        return LiveLayoutUpdate(
            head=made.head(),
            body=made.body() if whole else None,
            fills=made.fills,
            record=encode(decision_record(made)) if recorded else None,
        )

    def _sampled(self, visitor: VisitorId) -> bool:
        return hash64(visitor) < self._recorded_below

    def _count(self, decided: Sequence[LayoutDecision]) -> None:
        labels = Counter((made.fills.provenance.mode, made.fills.provenance.reason) for made in decided)
        for (mode, reason), count in labels.items():
            self._metrics.count("layouts_decided_total", count, mode=mode, reason=reason)
