"""Lag of each consumer group, reported by `etalage items`: a worker that is dead cannot report its own.

Read from what the groups committed, so a commit interval behind what workers report.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from kafka import TopicPartition
from kafka.admin import OffsetSpec

from schemas.topics import EVENTS, ITEM_DELTAS, Topic
from streams.kafka.admin import admin, list_topics
from streams.runtime.settings import Settings
from streams.runtime.telemetry.logs import LogOnce, logger
from streams.runtime.telemetry.metrics import Metrics

log = logger("group-lag")

LOOK_EVERY_S = 10.0
GROUPS: Mapping[str, Topic] = {"personalize": EVENTS, "items": ITEM_DELTAS}


def read_group_lags(settings: Settings) -> dict[str, int]:
    """Ask Kafka how many records each group has not committed yet; blocks while it answers.

    Returns:
        Records over all partitions by name of the group (GROUPS); for one that never committed all there are.

    Raises:
        ServiceMissing: Kafka does not answer, or refuses.
    """
    counts = {topic.name: topic.partitions for topic in list_topics(settings)}
    lags: dict[str, int] = {}
    with admin(settings) as client:
        for name, topic in GROUPS.items():
            group, full = f"{settings.namespace}.{name}", topic.full_name(settings.namespace)
            places = [TopicPartition(full, n) for n in range(counts[full])]
            starts = client.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
            ends = client.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
            held = client.list_group_offsets({group: places})[group]
            at = {place: held[place].offset if place in held else -1 for place in places}
            lags[name] = sum(max(0, ends[p].offset - max(at[p], starts[p].offset)) for p in places)
    return lags


async def report_group_lags(settings: Settings, metrics: Metrics) -> None:
    """Set `group_lag_records` every LOOK_EVERY_S until cancelled; it is absent while lag is unknown."""
    unknown = LogOnce()
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            lags = await asyncio.to_thread(read_group_lags, settings)
        except Exception as exc:  # the process works on without it
            for name in GROUPS:
                metrics.forget("group_lag_records", group=name)
            if unknown.begins():
                log.warning("group lag unknown", service="kafka", error=f"{type(exc).__name__}: {exc}")
        else:
            for name, lag in lags.items():
                metrics.set("group_lag_records", lag, group=name)
            if unknown.ends():
                log.warning("group lag known again", service="kafka")
