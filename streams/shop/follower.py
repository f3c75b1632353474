"""Follows catalogue, storefront and crowd signals, and swaps in a new Snapshot when they changed.

One task reads and builds in turn, so inputs are neither copied nor locked; a build runs in a thread, at most
every BUILD_EVERY_S. Readers of `snapshot` get the old one or the new one, never a mixture. Without Kafka the
process serves the cached Shop (`source` is "cache") and connects in the background.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Literal

from models.policy.snapshot import Snapshot, empty_snapshot
from models.ranking.ranker import Ranker
from models.storefront.shop import Shop
from schemas.errors import StreamUnavailable
from streams.kafka.compacted_reader import CompactedReader, RawRecord
from streams.kafka.endpoint.cluster import kafka_cluster
from streams.runtime.clock import Clock, SystemClock
from streams.runtime.settings import Settings
from streams.runtime.tasks import cancel_and_wait
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics
from streams.shop.build import load_configured_ranker, rebuild_snapshot
from streams.shop.disk_cache import load_inputs, save_inputs
from streams.shop.inputs import FOLLOWED_TOPICS, InputChanges, ShopInputs

log = logger("shop")

BUILD_EVERY_S = 2.0
SIGNALS_EVERY_S = 5.0
"""When only signals changed. Longer, because a build holds the interpreter for some 8 ms (2,000 items)."""
REFRESH_EVERY_S = 300.0
"""When nothing changed: trends decay and items age with time alone."""
SAVE_EVERY_S = 30.0
RETRY_S = (0.5, 15.0)
"""First and longest wait before Kafka is tried again."""

Source = Literal["none", "cache", "kafka"]


class ShopFollower:
    """Holds the current Snapshot of a process and keeps it up to date.

    Attributes:
        source: Where the current Snapshot comes from; "none" while it is empty.
        reason: Why the topics are not followed, one line; empty while they are.
        ranker_reason: Why there is no ranker, one line; empty when there is one.
    """

    def __init__(self, settings: Settings, metrics: Metrics, clock: Clock | None = None) -> None:
        self._settings, self._metrics = settings, metrics
        self._clock = clock or SystemClock()
        self._inputs = ShopInputs()
        self._snapshot = empty_snapshot()
        self._ranker: Ranker | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._built_at = self._saved_at = float("-inf")
        self._retry_wait_s = RETRY_S[0]
        self.source: Source = "none"
        self.reason = "the shop was not read yet"
        self.ranker_reason = ""

    @property
    def snapshot(self) -> Snapshot:
        """The current snapshot: empty, then cached, then live. Take it once per decision or slice."""
        return self._snapshot

    @property
    def shop(self) -> Shop:
        """The Shop of the current snapshot."""
        return self._snapshot.shop

    @property
    def ready(self) -> bool:
        """Whether each followed topic was read to the end it had at the start, and built."""
        return self._ready.is_set()

    async def wait_ready(self, within_s: float) -> bool:
        """Wait at most `within_s` seconds for `ready`; returns whether it is."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), within_s)
        return self.ready

    async def start(self) -> None:
        """Load the ranker and the cached Shop, then follow in a background task; does not wait for Kafka."""
        self._ranker, self.ranker_reason = await asyncio.to_thread(
            load_configured_ranker, self._settings.ranker
        )
        if self.ranker_reason:
            log.warning("serving without ranker", error=self.ranker_reason)
        self._snapshot = empty_snapshot(self._ranker)
        await self._load_cache()
        self._task = asyncio.create_task(self._follow(), name="shop-follower")

    async def stop(self) -> None:
        """Stop following and save the cache; the last snapshot stays usable."""
        task, self._task = self._task, None
        if await cancel_and_wait(task):
            await self._save_cache()

    async def _load_cache(self) -> None:
        path = self._settings.shop_cache
        cached = await asyncio.to_thread(load_inputs, path, self._settings.namespace) if path else None
        if cached is not None:
            empty = empty_snapshot(self._ranker)
            changes, at = InputChanges.full(), self._clock.now()
            self._swap(await asyncio.to_thread(rebuild_snapshot, empty, cached, changes, at), "cache")

    async def _follow(self) -> None:
        """Read until cancelled; after any failure, wait and continue at the offsets reached."""
        while True:
            try:
                await self._read_and_build()
            except StreamUnavailable as exc:
                self.reason = str(exc)
            except Exception as exc:
                # A defect must not end the task: a process with an old shop still serves.
                self.reason = f"{type(exc).__name__}: {exc}"
                log.exception("shop follower failure")
            wait_s = self._retry_wait_s * random.uniform(0.5, 1.0)
            log.warning(
                "retrying",
                service="kafka",
                action="follow shop",
                error=self.reason,
                retry_in_s=round(wait_s, 1),
            )
            self._metrics.count("retries_total", stage="follow")
            await asyncio.sleep(wait_s)
            self._retry_wait_s = min(self._retry_wait_s * 2, RETRY_S[1])

    async def _read_and_build(self) -> None:
        namespace = self._settings.namespace
        reader = CompactedReader(
            kafka_cluster(self._settings),
            [topic.full_name(namespace) for topic in FOLLOWED_TOPICS],
            resume=self._inputs.resume_offsets(namespace),
        )
        await reader.start()
        try:
            while True:
                self._apply(await reader.read())
                if reader.at_end:
                    self._retry_wait_s, self.reason = RETRY_S[0], ""
                    await self._rebuild_when_due()
        finally:
            await reader.stop()

    def _apply(self, records: list[RawRecord]) -> None:
        for skipped in self._inputs.apply(records, self._settings.namespace):
            self._metrics.count("records_skipped_total", topic=skipped.topic.name)
            log.warning(
                "skipping record",
                topic=skipped.topic.name,
                partition=skipped.partition,
                offset=skipped.offset,
                error=skipped.error,
            )

    async def _rebuild_when_due(self) -> None:
        since = self._clock.monotonic() - self._built_at
        if not self.ready:
            snapshot, changes = empty_snapshot(self._ranker), InputChanges.full()
            self._inputs.pop_changes()
        elif since >= _rebuild_interval_s(self._inputs.changes):
            snapshot, changes = self._snapshot, self._inputs.pop_changes()
        else:
            return
        self._built_at = self._clock.monotonic()
        self._metrics.count("signals_total", len(changes.signals), direction="followed")
        self._swap(await self._rebuild(snapshot, changes), "kafka")
        self._ready.set()
        if self._clock.monotonic() - self._saved_at >= SAVE_EVERY_S:
            await self._save_cache()

    async def _rebuild(self, snapshot: Snapshot, changes: InputChanges) -> Snapshot:
        try:
            return await asyncio.to_thread(
                rebuild_snapshot, snapshot, self._inputs, changes, self._clock.now()
            )
        except Exception:
            self._inputs.changes = InputChanges.full()  # the popped changes are in no shop yet
            raise

    def _swap(self, snapshot: Snapshot, source: Source) -> None:
        self._snapshot, self.source = snapshot, source
        self._metrics.count("shop_swaps_total")
        self._metrics.set("shop_items", snapshot.shop.items.n)
        self._metrics.set("shop_built_timestamp_seconds", snapshot.shop.built_at)

    async def _save_cache(self) -> None:
        """Save the inputs of a live Shop; those of a cached one are on disk already."""
        path = self._settings.shop_cache
        if path and self.source == "kafka":
            self._saved_at = self._clock.monotonic()
            await asyncio.to_thread(save_inputs, path, self._inputs, self._settings.namespace)


def _rebuild_interval_s(changes: InputChanges) -> float:
    """Seconds after the last build when these changes must be in a new one."""
    if changes.items or changes.sections:
        return BUILD_EVERY_S
    return SIGNALS_EVERY_S if changes.signals else REFRESH_EVERY_S
