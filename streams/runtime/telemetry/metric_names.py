"""Every metric name that operators see, in closed lists: its labels, its meaning, its buckets.

Names are given without the prefix `etalage_`. Labels come from closed sets; never a visitor, session or item.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct


class Metric(Struct, frozen=True):
    """What one name means; `labels` in the order they are kept."""

    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


CounterName = Literal[
    "access_refused_total",
    "chunks_total",
    "commits_total",
    "dead_letters_total",
    "deltas_total",
    "events_processed_total",
    "events_received_total",
    "exposures_dropped_total",
    "exposures_total",
    "fenced_total",
    "http_requests_total",
    "intake_events_total",
    "intake_notes_total",
    "layout_late_total",
    "layout_responses_total",
    "layouts_decided_total",
    "layouts_written_total",
    "lru_hits_total",
    "lru_misses_total",
    "machine_events_total",
    "notices_total",
    "pushes_replaced_total",
    "pushes_total",
    "quarantined_total",
    "ranker_failures_total",
    "rate_limited_total",
    "rebalances_total",
    "records_lost_total",
    "records_skipped_total",
    "regressed_total",
    "retries_total",
    "shed_total",
    "shop_swaps_total",
    "signals_total",
    "store_errors_total",
    "voices_limited_total",
]

GaugeName = Literal[
    "assigned_partitions",
    "circuit_open",
    "connections_open",
    "consumer_lag_records",
    "consumer_lag_seconds",
    "exposures_queued",
    "group_lag_records",
    "kafka_connected",
    "lru_visitors",
    "progress_timestamp_seconds",
    "ready",
    "shop_built_timestamp_seconds",
    "shop_items",
    "stale_partitions",
    "stream_behind_seconds",
]

HistogramName = Literal[
    "chunk_records",
    "event_loop_lag_seconds",
    "freshness_seconds",
    "http_request_duration_seconds",
    "layout_age_seconds",
    "push_delay_seconds",
    "slice_visitors",
    "stage_duration_seconds",
    "store_duration_seconds",
]

COUNTERS: Mapping[CounterName, Metric] = {
    "access_refused_total": Metric("Keys and visitor tokens refused by the gateway, by reason.", ("reason",)),
    "chunks_total": Metric("Chunks of records settled, by how they ended.", ("outcome",)),
    "commits_total": Metric("Commits of acknowledged offsets to Kafka, by outcome.", ("outcome",)),
    "dead_letters_total": Metric("Records buried, by reason.", ("reason",)),
    "deltas_total": Metric("Partial crowd counts sent or summed.", ("direction",)),
    "events_processed_total": Metric(
        "Records settled: applied, known (applied before), buried.", ("outcome",)
    ),
    "events_received_total": Metric("Records read from events.v1, by event name (else `other`).", ("type",)),
    "exposures_dropped_total": Metric("Exposures not written because their queue was full."),
    "exposures_total": Metric("Exposures handed to the producer."),
    "fenced_total": Metric("Writes refused because another owner has the partition."),
    "http_requests_total": Metric("Requests answered, by route and status code.", ("route", "code")),
    "intake_events_total": Metric(
        "Events posted, by answer: accepted, rejected, retry, ignored.", ("answer",)
    ),
    "intake_notes_total": Metric(
        "Fields of accepted events that did not fit, by field and what was done: cut, converted, dropped, "
        "unknown, missing.",
        ("field", "done"),
    ),
    "layout_late_total": Metric("Layout answers more than 10 ms past their deadline."),
    "layout_responses_total": Metric(
        "Layouts answered, by page, mode and reason.", ("page", "mode", "reason")
    ),
    "layouts_decided_total": Metric("Layouts decided, by mode and reason.", ("mode", "reason")),
    "layouts_written_total": Metric("Live layouts written: whole, or their head alone.", ("part",)),
    "lru_hits_total": Metric("Visitor states found in the worker's memory."),
    "lru_misses_total": Metric("Visitor states read from Redis."),
    "machine_events_total": Metric(
        "Events not kept because no person caused them, by agent or rate.", ("by",)
    ),
    "notices_total": Metric("Notices that a visitor's layout or state changed, received by the gateway."),
    "pushes_replaced_total": Metric("Pushes overtaken by a newer layout before they were sent."),
    "pushes_total": Metric("Layouts pushed to open pages.", ("page",)),
    "quarantined_total": Metric(
        "Keys of visitors that held what no worker wrote: state or window set aside, layout replaced.",
        ("kind",),
    ),
    "ranker_failures_total": Metric("Scorings that the understudy had to do, by reason.", ("reason",)),
    "rate_limited_total": Metric(
        "Requests, events and streams beyond a limit, by whose: visitor, address, key, or their streams.",
        ("scope",),
    ),
    "rebalances_total": Metric("Assignments of partitions to this process."),
    "records_lost_total": Metric("Offsets that the log lost before what stood there was applied."),
    "records_skipped_total": Metric("Records of followed topics that could not be decoded.", ("topic",)),
    "regressed_total": Metric("Partitions sought back because Redis had forgotten its last writes."),
    "retries_total": Metric("Work tried again after a passing failure, by stage.", ("stage",)),
    "shed_total": Metric(
        "Requests not carried out because the gateway was overloaded: explain, rank, decide, read.", ("work",)
    ),
    "shop_swaps_total": Metric("New snapshots of the shop taken into use."),
    "signals_total": Metric("Crowd signals written or followed.", ("direction",)),
    "store_errors_total": Metric("Redis calls that failed: timeout, unavailable, unreadable.", ("kind",)),
    "voices_limited_total": Metric(
        "Voices not counted for crowd signals because their item gained too much at once (item), or too much"
        " from the same address (source).",
        ("reason",),
    ),
}

GAUGES: Mapping[GaugeName, Metric] = {
    "assigned_partitions": Metric("Partitions this process owns."),
    "circuit_open": Metric("1 while the circuit before Redis is open."),
    "connections_open": Metric("Open push connections."),
    "consumer_lag_records": Metric("Records not yet settled, by partition.", ("partition",)),
    "consumer_lag_seconds": Metric("Age of the oldest record not yet settled, by partition.", ("partition",)),
    "exposures_queued": Metric("Exposures waiting for the producer."),
    "group_lag_records": Metric(
        "Records not committed by a group, alive or not (told by items).", ("group",)
    ),
    "kafka_connected": Metric("1 while the gateway's last write to Kafka, or its connecting, succeeded."),
    "lru_visitors": Metric("Visitor states held in the worker's memory."),
    "progress_timestamp_seconds": Metric("When work was last seen to go on (epoch seconds)."),
    "ready": Metric("1 while the process can do its work."),
    "shop_built_timestamp_seconds": Metric("When the shop snapshot in use was built (epoch seconds)."),
    "shop_items": Metric("Items in the shop snapshot in use."),
    "stale_partitions": Metric(
        "Partitions whose visitors get answers labelled stale, as this gateway sees it."
    ),
    "stream_behind_seconds": Metric(
        "How far the furthest-behind partition is behind, as this gateway sees it; absent while unknown."
    ),
}

_FAST = (0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_REQUEST = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_FRESH = (0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 300.0)
_AGE = (0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0, 86400.0)
_SIZE = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)

HISTOGRAMS: Mapping[HistogramName, Metric] = {
    "chunk_records": Metric("Records in a chunk.", buckets=_SIZE),
    "event_loop_lag_seconds": Metric("How late the event loop woke a sleeper.", buckets=_FAST),
    "freshness_seconds": Metric("From a record's arrival to the state that has it.", ("origin",), _FRESH),
    "http_request_duration_seconds": Metric("Time to answer a request, by route.", ("route",), _REQUEST),
    "layout_age_seconds": Metric("Age of the state behind an answered layout.", buckets=_AGE),
    "push_delay_seconds": Metric("From a notice to the bytes on the push connection.", buckets=_REQUEST),
    "slice_visitors": Metric("Visitors in a slice of a chunk.", buckets=_SIZE),
    "stage_duration_seconds": Metric("Time of one stage of a chunk or an answer.", ("stage",), _FAST),
    "store_duration_seconds": Metric("Time of one Redis call, by operation.", ("operation",), _FAST),
}
