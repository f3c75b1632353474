"""A combiner (map-side pre-aggregation): a worker's counts of one second, sent as one delta an item.

No item gains more than a share of what this worker usually counts, nor from one source more than a part of
that (`gain_limits`).

Statistics, not states: a crash loses the running window, and so does a Kafka that does not answer.
"""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import Struct

from models.catalog.signals.extraction import ItemInteractions, extract, may_interact
from models.catalog.signals.gain_limits import GainLimits
from models.catalog.signals.repeats import Repeats
from models.storefront.shop import Shop
from models.visitor.state import EventRecord
from schemas.codec import encode
from schemas.ids import ItemId
from schemas.signals import Delta
from schemas.topics import ITEM_DELTAS
from streams.kafka.batch_sending import send_all
from streams.runtime.clock import Clock, SystemClock
from streams.runtime.tasks import cancel_and_wait
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics

log = logger("signals")

FLUSH_EVERY_S = 1.0
ITEMS_MAX = 20_000
"""Items of one window; further ones are dropped, and counted as dropped."""
NEIGHBOURS_MAX = 64
"""Neighbours of each kind that one delta carries: the heaviest."""
COUNT_WITHIN_S = 60.0
"""Older records are not counted: a worker that catches up has no time for statistics, and a log that is
replayed must not count twice."""


class ItemCounts(Struct):
    """The running counts of one item; `at` is the newest arrival (epoch s)."""

    at: float = 0.0
    views: float = 0.0
    carts: float = 0.0
    purchases: float = 0.0
    shares: float = 0.0
    co_viewed: dict[ItemId, float] = {}
    co_bought: dict[ItemId, float] = {}

    def delta(self, item_id: ItemId) -> Delta:
        """The counts as a record, with the NEIGHBOURS_MAX heaviest neighbours of each kind."""
        return Delta(
            item_id=item_id,
            at=self.at,
            views=self.views,
            carts=self.carts,
            purchases=self.purchases,
            shares=self.shares,
            co_viewed=_heaviest(self.co_viewed),
            co_bought=_heaviest(self.co_bought),
        )


class SignalCombiner:
    """Counts what visitors do to items and sends it each second.

    `add` after a record was applied and written, `start` once there is a producer, `stop` at the end.

    Args:
        namespace: of the deltas' topic.
        metrics: `deltas_total`.
        clock: says how old a record is.
    """

    def __init__(self, namespace: str, metrics: Metrics, clock: Clock | None = None) -> None:
        self._topic = ITEM_DELTAS.full_name(namespace)
        self._metrics, self._clock = metrics, clock or SystemClock()
        self._window: dict[ItemId, ItemCounts] = {}
        self._limits, self._since = GainLimits(), self._clock.monotonic()
        self._repeats = Repeats()
        self._producer: Any = None
        self._task: asyncio.Task[None] | None = None

    def add(self, before: bytes, record: EventRecord, shop: Shop) -> None:
        """Count one record. A few µs; never waits or raises.

        Args:
            before: the visitor's packed state without the record.
            record: older than COUNT_WITHIN_S, it is left out.
            shop: whose items are counted.
        """
        if not may_interact(record.event) or self._clock.now() - record.arrival > COUNT_WITHIN_S:
            return
        found = extract(before, record, shop.items)
        if found is None:
            return
        interactions = self._repeats.new_of(record.event.visitor, found, record.arrival)
        if interactions is not None:
            self._count(interactions, record.arrival, record.source)

    def _count(self, interactions: ItemInteractions, at: float, source: int) -> None:
        count = interactions.count
        limits = self._limits.kinds[count]
        voices: dict[ItemId, float] = {}
        for item in interactions.items:
            voices[item] = voice = limits.admit(item, interactions.voice, source)
            if voice:
                counts = self._counts_of(item, at)
                setattr(counts, count, getattr(counts, count) + voice)
        pairs, full, full_of_source = interactions.pairs, limits.full, limits.full_of_source
        if full or full_of_source:  # nobody's neighbours for now
            pairs = [(one, other) for one, other in pairs if voices[one] and other not in full]
        if full_of_source:
            pairs = [pair for pair in pairs if (source, pair[1]) not in full_of_source]
        if pairs:
            self._count_pairs(interactions, pairs, voices, at)

    def _count_pairs(
        self,
        interactions: ItemInteractions,
        pairs: list[tuple[ItemId, ItemId]],
        voices: dict[ItemId, float],
        at: float,
    ) -> None:
        """Each pair weighs what was let through of its first item."""
        window, together = self._window, interactions.together
        last, weight, ones = None, 0.0, {}
        for one, other in pairs:
            if one is not last:  # pairs of one item stand together
                last, weight = one, voices[one] * interactions.weight
                ones = getattr(self._counts_of(one, at), together)
            before = ones.get(other)
            ones[other] = weight if before is None else before + weight
            counts = window.get(other)  # as `_counts_of` does: half of what counting costs is here
            if counts is None:
                counts = self._new_counts(other)
            if at > counts.at:
                counts.at = at
            others = getattr(counts, together)
            before = others.get(one)
            others[one] = weight if before is None else before + weight

    def _counts_of(self, item: ItemId, at: float) -> ItemCounts:
        counts = self._window.get(item)
        if counts is None:
            counts = self._new_counts(item)
        if at > counts.at:
            counts.at = at
        return counts

    def _new_counts(self, item: ItemId) -> ItemCounts:
        """New counts, in the window unless it is full."""
        counts = ItemCounts()
        if len(self._window) < ITEMS_MAX:
            self._window[item] = counts
        else:
            self._metrics.count("deltas_total", direction="dropped")
        return counts

    def drain(self) -> list[Delta]:
        """End the running window and start a new one; the deltas of the old one."""
        window, self._window = self._window, {}
        now = self._clock.monotonic()
        if now > self._since:
            for reason, voices in self._limits.held_back().items():
                self._metrics.count("voices_limited_total", voices, reason=reason)
            self._limits.end_window(now - self._since)
            self._since = now
        return [counts.delta(item) for item, counts in window.items()]

    def start(self, producer: Any) -> None:
        """Flush every FLUSH_EVERY_S through an aiokafka producer of raw bytes, which stays the caller's."""
        self._producer = producer
        self._task = asyncio.create_task(self._flush_for_ever(), name="flush-deltas")

    async def stop(self) -> None:
        """Send what is left; call before the producer is stopped."""
        task, self._task = self._task, None
        if await cancel_and_wait(task):
            await self.flush()

    async def _flush_for_ever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            await self.flush()

    async def flush(self) -> None:
        """Send the window now; one that cannot be sent is dropped, logged and counted. Never raises."""
        deltas = self.drain()
        if not deltas:
            return
        try:
            await send_all(self._producer, self._topic, ((d.item_id.encode(), encode(d)) for d in deltas))
        except Exception as exc:
            # Statistics must never stop the worker that counts them.
            self._metrics.count("deltas_total", len(deltas), direction="dropped")
            log.warning("dropped deltas", items=len(deltas), topic=self._topic, error=repr(exc))
        else:
            self._metrics.count("deltas_total", len(deltas), direction="sent")


def _heaviest(neighbours: dict[ItemId, float]) -> dict[ItemId, float]:
    if len(neighbours) <= NEIGHBOURS_MAX:
        return neighbours
    return dict(sorted(neighbours.items(), key=lambda pair: -pair[1])[:NEIGHBOURS_MAX])
