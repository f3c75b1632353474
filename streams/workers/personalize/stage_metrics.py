"""The engine's metrics: counted once a chunk, but for the freshness of each decided visitor."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from streams.runtime.clock import Clock
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.protocols import SliceWrite
from streams.workers.personalize.decoding import DecodedChunk
from streams.workers.personalize.slices import TouchedVisitor


class StageMetrics:
    """Counts into the metrics of one process."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics, self._clock = metrics, clock

    def stage(self, stage: str, started: float) -> float:
        """Observe the time since `started` (monotonic s) as `stage`; returns the time now."""
        now = self._clock.monotonic()
        self._metrics.observe("stage_duration_seconds", now - started, stage=stage)
        return now

    def count_written(self, touched: Sequence[TouchedVisitor], slices: Sequence[SliceWrite]) -> None:
        """A chunk was written: freshness of each decided visitor; of the others once, by the oldest."""
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
        for written in slices:
            observe("slice_visitors", len(written.visitors))
        self._metrics.count("layouts_written_total", whole, part="whole")
        self._metrics.count("layouts_written_total", heads, part="head")

    def count_chunk(self, decoded: DecodedChunk, touched: Sequence[TouchedVisitor], records: int) -> None:
        """A chunk was settled: its records by event name and by outcome (`known`: applied before)."""
        count, buried = self._metrics.count, len(decoded.letters)
        applied = sum(len(one.applied) for one in touched)
        self._metrics.observe("chunk_records", records)
        for name, of_name in decoded.names.items():
            count("events_received_total", of_name, type=name)
        count("events_processed_total", applied, outcome="applied")
        count("events_processed_total", buried, outcome="buried")
        count("events_processed_total", records - applied - buried, outcome="known")
