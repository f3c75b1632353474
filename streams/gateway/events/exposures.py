"""What answers leave behind for analysis and training: exposures of all, decisions of a sample."""

from __future__ import annotations

from datetime import UTC, datetime

from models.layout.rendering.fields import as_of_of, exposure_of
from models.policy.inspection.decision_sample import DecisionSample
from models.policy.inspection.explain import decision_record
from models.policy.layout_decision import LayoutDecision
from schemas.ids import VisitorId
from schemas.topics import DECISIONS, EXPOSURES
from streams.gateway.events.event_log import Log
from streams.gateway.events.outbox import Outbox
from streams.runtime.clock import Clock
from streams.runtime.telemetry.metrics import Metrics


class Exposures:
    """Every layout delivered: what it was, when and how it went out."""

    def __init__(self, namespace: str, log: Log, clock: Clock, metrics: Metrics) -> None:
        self._clock, self._metrics = clock, metrics
        self.outbox = Outbox(
            EXPOSURES.full_name(namespace),
            log,
            on_sent=lambda n: metrics.count("exposures_total", n),
            on_dropped=lambda: metrics.count("exposures_dropped_total"),
        )
        metrics.watch("exposures_queued", lambda: len(self.outbox))

    def add(self, visitor: VisitorId, layout: bytes, via: str) -> None:
        """Queue the exposure of a delivered layout; `via` is get or push. Never waits."""
        now = self._clock.now()
        as_of = as_of_of(layout)
        if as_of is not None:
            self._metrics.observe("layout_age_seconds", max(0.0, now - as_of))
        at = datetime.fromtimestamp(now, UTC).isoformat()
        self.outbox.put(visitor.encode(), exposure_of(layout, at, via))


class Decisions:
    """What was decided on request, of the same visitors whose live pages the workers record.

    `sample` is their share, 0 to 1 (`DecisionSample`).
    """

    def __init__(self, namespace: str, log: Log, sample: float) -> None:
        self._sample = DecisionSample(sample)
        self.outbox = Outbox(
            DECISIONS.full_name(namespace), log, on_sent=lambda _: None, on_dropped=lambda: None
        )

    def samples(self, visitor: VisitorId) -> bool:
        """Whether a decision for a visitor is recorded; asked once for each."""
        return self._sample.takes(visitor)

    def add(self, decision: LayoutDecision) -> None:
        """Queue the record of a decision that keeps its evidence. Never waits."""
        self.outbox.put(decision.request.visitor.encode(), decision_record(decision))
