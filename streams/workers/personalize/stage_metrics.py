"""The engine's metrics: counted once a round, but for the freshness of each decided visitor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import inf

from streams.runtime.clock import Clock
from streams.runtime.telemetry.metrics import Metrics
from streams.workers.personalize.slices import PreparedChunk, TouchedVisitor


class StageMetrics:
    """Counts into the metrics of one process."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics, self._clock = metrics, clock

    def stage(self, stage: str, started: float) -> float:
        """Observe the time since `started` (monotonic s) as `stage`; returns the time now."""
        now = self._clock.monotonic()
        self._metrics.observe("stage_duration_seconds", now - started, stage=stage)
        return now

    def count_round(self, written: Sequence[PreparedChunk]) -> None:
        """Chunks of a round were written."""
        touched = [one for chunk in written for one in chunk.touched]
        self._count_layouts(touched)
        names: Counter[str] = Counter()
        records = buried = 0
        for chunk in written:
            for one in chunk.slices:
                self._metrics.observe("slice_visitors", len(one.visitors))
            self._metrics.observe("chunk_records", len(chunk.chunk.records))
            records += len(chunk.chunk.records)
            buried += len(chunk.decoded.letters)
            names.update(chunk.decoded.names)
        count = self._metrics.count
        for name, of_name in names.items():
            count("events_received_total", of_name, type=name)
        applied = sum(len(one.applied) for one in touched)
        count("events_processed_total", applied, outcome="applied")
        count("events_processed_total", buried, outcome="buried")
        # Known: applied before.
        count("events_processed_total", records - applied - buried, outcome="known")

    def _count_layouts(self, touched: Sequence[TouchedVisitor]) -> None:
        """Freshness of each decided visitor; of the others once, by the oldest."""
        wall, observe = self._clock.now(), self._metrics.observe
        folded, whole, heads = inf, 0, 0
        for one in touched:
            if one.update is None:
                folded = min(folded, one.arrivals[0])
                continue
            observe("freshness_seconds", max(0.0, wall - one.arrivals[-1]), origin="decided")
            whole += one.update.body is not None
            heads += one.update.body is None
        if folded < inf:
            observe("freshness_seconds", max(0.0, wall - folded), origin="folded")
        self._metrics.count("layouts_written_total", whole, part="whole")
        self._metrics.count("layouts_written_total", heads, part="head")
