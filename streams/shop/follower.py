"""The Shop of this process: follows catalogue, storefront and crowd signals, and swaps in new snapshots.

Reading and building take turns in one task, so nothing is copied or locked; a build runs in a thread, at most
every BUILD_EVERY_S, and readers of `shop` see the old snapshot or the new one, never a mixture. Without Kafka
the process serves what the cache holds (`source` says so) and connects in the background.
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
from streams.runtime.clock import Clock, SystemClock
from streams.runtime.settings import Settings
from streams.runtime.tasks import cancel_and_wait
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics
from streams.shop.build import all_changed, load_ranker_of, renew
from streams.shop.cache import load_inputs, save_inputs
from streams.shop.inputs import FOLLOWED, Changes, ShopInputs

log = logger("shop")

BUILD_EVERY_S = 2.0
SIGNALS_EVERY_S = 5.0
"""When only signals moved: a build shares the interpreter with the loop for some 8 ms (2,000 items)."""
REFRESH_EVERY_S = 300.0
"""Trends fade and items age also when nothing new is said."""
SAVE_EVERY_S = 30.0
RETRY_S = (0.5, 15.0)
"""First and longest wait before Kafka is tried again."""

Source = Literal["none", "cache", "kafka"]


class ShopFollower:
    """`snapshot` is always usable: empty at first, then the cached one, then the live one."""

    def __init__(self, settings: Settings, metrics: Metrics, clock: Clock | None = None) -> None:
        self._settings, self._metrics = settings, metrics
        self._clock = clock or SystemClock()
        self._inputs = ShopInputs()
        self._snapshot = empty_snapshot()
        self._ranker: Ranker | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._built_at = self._saved_at = float("-inf")
        self._wait = RETRY_S[0]
        self.source: Source = "none"
        self.reason = "the shop was not read yet"
        self.ranker_reason = ""

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot to use for one decision or one slice; take it once and keep it for its length."""
        return self._snapshot

    @property
    def shop(self) -> Shop:
        """The Shop of the newest snapshot."""
        return self._snapshot.shop

    @property
    def ready(self) -> bool:
        """Whether each followed topic was read to the end it had at the start, and built."""
        return self._ready.is_set()

    async def wait_ready(self, within_s: float) -> bool:
        """Wait for `ready`, at most so long; whether it is."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), within_s)
        return self.ready

    async def start(self) -> None:
        """Load the ranker and the cached shop, then follow in the background. Does not wait for Kafka."""
        self._ranker, self.ranker_reason = await asyncio.to_thread(load_ranker_of, self._settings.ranker)
        if self.ranker_reason:
            log.warning("no ranker", why=self.ranker_reason)
        self._snapshot = empty_snapshot(self._ranker)
        await self._from_cache()
        self._task = asyncio.create_task(self._follow(), name="shop-follower")

    async def stop(self) -> None:
        """Stop following; the last snapshot stays usable."""
        task, self._task = self._task, None
        if await cancel_and_wait(task):
            await self._save()

    async def _from_cache(self) -> None:
        path = self._settings.shop_cache
        cached = await asyncio.to_thread(load_inputs, path, self._settings.namespace) if path else None
        if cached is not None:
            empty = empty_snapshot(self._ranker)
            snapshot = await asyncio.to_thread(renew, empty, cached, all_changed(), self._clock.now())
            self._swap(snapshot, "cache")

    async def _follow(self) -> None:
        """Read until cancelled; whatever fails is tried again, from where it stood."""
        while True:
            try:
                await self._read_on()
            except StreamUnavailable as exc:
                self.reason = str(exc)
            except Exception as exc:
                # Following must outlive a defect: a process with yesterday's shop still serves.
                self.reason = f"{type(exc).__name__}: {exc}"
                log.exception("following failed")
            log.warning("shop topics cannot be followed", why=self.reason, retry_s=self._wait)
            self._metrics.count("retries_total", stage="follow")
            await asyncio.sleep(self._wait * random.uniform(0.5, 1.0))
            self._wait = min(self._wait * 2, RETRY_S[1])

    async def _read_on(self) -> None:
        namespace = self._settings.namespace
        reader = CompactedReader(
            self._settings.kafka or "",
            [topic.full_name(namespace) for topic in FOLLOWED],
            resume=self._inputs.resume(namespace),
        )
        await reader.start()
        try:
            while True:
                self._take(await reader.read())
                if reader.at_end:
                    self._wait, self.reason = RETRY_S[0], ""
                    await self._rebuild_when_due()
        finally:
            await reader.stop()

    def _take(self, records: list[RawRecord]) -> None:
        for skipped in self._inputs.apply(records, self._settings.namespace):
            self._metrics.count("records_skipped_total", topic=skipped.topic.name)
            log.warning(
                "record skipped",
                topic=skipped.topic.name,
                partition=skipped.partition,
                offset=skipped.offset,
                why=skipped.why,
            )

    async def _rebuild_when_due(self) -> None:
        since = self._clock.monotonic() - self._built_at
        if not self.ready:
            snapshot, changes = empty_snapshot(self._ranker), all_changed()
            self._inputs.take_changes()
        elif since >= _due_after(self._inputs.changes):
            snapshot, changes = self._snapshot, self._inputs.take_changes()
        else:
            return
        self._built_at = self._clock.monotonic()
        self._metrics.count("signals_total", len(changes.signals), direction="followed")
        self._swap(await self._renewed(snapshot, changes), "kafka")
        self._ready.set()
        if self._clock.monotonic() - self._saved_at >= SAVE_EVERY_S:
            await self._save()

    async def _renewed(self, snapshot: Snapshot, changes: Changes) -> Snapshot:
        try:
            return await asyncio.to_thread(renew, snapshot, self._inputs, changes, self._clock.now())
        except Exception:
            self._inputs.changes = all_changed()  # what was taken is not in any shop yet
            raise

    def _swap(self, snapshot: Snapshot, source: Source) -> None:
        self._snapshot, self.source = snapshot, source
        self._metrics.count("shop_swaps_total")
        self._metrics.set("shop_items", snapshot.shop.items.n)
        self._metrics.set("shop_built_timestamp_seconds", snapshot.shop.built_at)

    async def _save(self) -> None:
        """Keep the inputs of the live shop on disk; those that came from there need not go back."""
        path = self._settings.shop_cache
        if path and self.source == "kafka":
            self._saved_at = self._clock.monotonic()
            await asyncio.to_thread(save_inputs, path, self._inputs, self._settings.namespace)


def _due_after(changes: Changes) -> float:
    """Seconds after the last build when what moved must be in a new one."""
    if changes.items or changes.sections:
        return BUILD_EVERY_S
    return SIGNALS_EVERY_S if changes.signals else REFRESH_EVERY_S
