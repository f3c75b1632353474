"""Every record of a chunk is counted by how it ended, every layout by how much of it was written."""

from __future__ import annotations

from collections import Counter
from typing import Any

from schemas.ids import VisitorId
from streams.runtime.clock import ManualClock
from streams.runtime.telemetry.metrics import Metrics
from streams.workers.group.round_processor import HeldChunk
from streams.workers.personalize.decider import LiveLayoutUpdate
from streams.workers.personalize.decoding import DecodedChunk
from streams.workers.personalize.slices import PreparedChunk, TouchedVisitor
from streams.workers.personalize.stage_metrics import StageMetrics

T0 = 1_760_000_000.0


def touched_visitor(*arrivals: float, update: LiveLayoutUpdate | None = None) -> TouchedVisitor:
    before: Any = None
    record: Any = None
    return TouchedVisitor(
        VisitorId("a:x"), before, b"", None, list(arrivals), [(b"", record)] * len(arrivals), update
    )


def prepared(records: int, *touched: TouchedVisitor, **decoded: Any) -> PreparedChunk:
    holding: Any = None
    return PreparedChunk(
        HeldChunk(holding, [None] * records, records), DecodedChunk(**decoded), list(touched)
    )


def test_records_are_applied_buried_or_known() -> None:
    metrics, letter = Metrics(), [object()]
    StageMetrics(metrics, ManualClock(T0)).count_round(
        [
            prepared(
                7,
                touched_visitor(T0, T0),
                touched_visitor(T0),
                letters=list[Any](letter),
                names=Counter(view_item=5, search=1),
            ),
            prepared(2, touched_visitor(T0), names=Counter(view_item=2)),
        ]
    )
    text = metrics.render().decode()
    assert 'etalage_events_processed_total{outcome="applied"} 4.0' in text
    assert 'etalage_events_processed_total{outcome="buried"} 1.0' in text
    assert 'etalage_events_processed_total{outcome="known"} 4.0' in text
    assert 'etalage_events_received_total{type="view_item"} 7.0' in text
    assert 'etalage_chunk_records_bucket{le="8.0"} 2.0' in text


def test_layouts_are_written_whole_or_by_their_head() -> None:
    metrics = Metrics()
    whole, head = (LiveLayoutUpdate(head=b"{", body=body, fills=None) for body in (b"}", None))
    chunk = prepared(
        5,
        touched_visitor(T0 - 8),
        touched_visitor(T0 - 1, T0 - 0.4, update=whole),
        touched_visitor(T0 - 0.2, update=head),
        touched_visitor(T0 - 9),
    )
    StageMetrics(metrics, ManualClock(T0)).count_round([chunk])
    text = metrics.render().decode()
    assert 'etalage_layouts_written_total{part="whole"} 1.0' in text
    assert 'etalage_layouts_written_total{part="head"} 1.0' in text
    assert 'etalage_freshness_seconds_count{origin="decided"} 2.0' in text
    assert 'etalage_freshness_seconds_sum{origin="folded"} 9.0' in text
