"""How far each group is behind, told by `etalage items`: a worker that is dead cannot tell it itself.

Read from what the groups committed, so a commit interval behind what workers tell; at the end of a log the
markers of transactions count too.
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


def lag_of_groups(settings: Settings) -> dict[str, int]:
    """Records that each group has not committed yet; one that never committed has all of them before it."""
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


async def keep_telling(settings: Settings, metrics: Metrics) -> None:
    """For ever; what is not known is not told."""
    unknown = LogOnce()
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            lags = await asyncio.to_thread(lag_of_groups, settings)
        except Exception as exc:  # the sums go on without it
            for name in GROUPS:
                metrics.forget("group_lag_records", group=name)
            if unknown.begins():
                log.warning("the groups' lag is not known", why=f"{type(exc).__name__}: {exc}")
        else:
            for name, lag in lags.items():
                metrics.set("group_lag_records", lag, group=name)
            if unknown.ends():
                log.warning("the groups' lag is known again")
