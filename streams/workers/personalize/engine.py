"""One chunk of events, start to end: decode, load, fold, bury, decide, write. Knows neither Faust nor Kafka.

Everything a chunk changes is written in slices by the store's fenced script, its checkpoint (`done`, `part`)
in the same write as the states: a chunk that is read again folds to the same states.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from models.visitor.fold import fold
from models.visitor.packing import unpack
from models.visitor.state import EMPTY, EventRecord, VisitorState
from schemas.dead_letters import DeadLetter
from schemas.errors import UnknownVersion
from schemas.ids import Version, VisitorId
from streams.kafka.producer import Publisher
from streams.kafka.transport.chunks import Record
from streams.runtime.clock import Clock
from streams.runtime.retries import Retry
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.protocols import Loaded, SliceWrite, VisitorStore, VisitorWrite
from streams.workers.group.dead_letters import DeadLetters
from streams.workers.group.ownership import Holding
from streams.workers.personalize.decider import Decider, LiveLayoutRequest, LiveLayoutUpdate
from streams.workers.personalize.decoding import DecodedChunk, EventsTopic, decode_chunk, letter_of
from streams.workers.personalize.slices import (
    SLICE_VISITORS,
    TouchedVisitor,
    build_write,
    split_batches,
    split_by_layouts,
)
from streams.workers.personalize.stage_metrics import StageMetrics
from streams.workers.personalize.visitor_cache import CachedVisitor, VisitorCache

Fold = Callable[[VisitorState, EventRecord], VisitorState]
CountSignals = Callable[[VisitorState, EventRecord], None]
"""Counts one applied record for the crowd's signals; gets the state before it. Never waits or raises."""
KnownVisitor = tuple[CachedVisitor, bytes | None]
"""A visitor as last written, and the body of the stored layout where that was read with it."""


class EngineConfig(Struct, frozen=True, kw_only=True):
    """Settings of the engine.

    `events_topic` is what records are read from; those older than `decide_within_s` are folded and no layout
    is decided for them; `layout_ttl_s` is how long Redis keeps a layout; `lru_visitors` bounds the cache,
    `slice_visitors` one write.
    """

    events_topic: EventsTopic
    decisions_topic: str
    decide_within_s: float = 30.0
    layout_ttl_s: float = 1800.0
    lru_visitors: int = 20_000
    slice_visitors: int = SLICE_VISITORS


class EngineDependencies(Struct, frozen=True, kw_only=True):
    """What the engine works with. Without `decider` it folds only; `count_signals` sees what was applied."""

    store: VisitorStore
    retries: Retry
    dead_letters: DeadLetters
    publisher: Publisher
    clock: Clock
    metrics: Metrics
    decider: Decider | None = None
    count_signals: CountSignals | None = None
    fold: Fold = fold


class Engine:
    """Applies chunks. `apply` may run for several partitions at once, and never twice at once for one."""

    def __init__(self, config: EngineConfig, dependencies: EngineDependencies) -> None:
        self._config, self._deps = config, dependencies
        self._metrics, self._clock = dependencies.metrics, dependencies.clock
        self._stage_metrics = StageMetrics(dependencies.metrics, dependencies.clock)
        self._stage = self._stage_metrics.stage
        self._cache = VisitorCache(config.lru_visitors)
        dependencies.metrics.watch("lru_visitors", lambda: len(self._cache))

    async def apply(self, holding: Holding, records: Sequence[Record], end: int) -> Awaitable[None] | None:
        """Fold the records, bury those that can never be applied, decide and write what changed.

        Args:
            holding: how the partition is held; its `done`, `part` and `proven` move with each write.
            records: of this partition, by ascending offset; any that were applied before change nothing.
            end: the offset behind the last of them.

        Returns:
            An awaitable that completes once Kafka acknowledged every published decision record; None when
            nothing was published. States and dead letters are safe already.

        Raises:
            Fenced, Regressed: the store refused; the partition must be acquired again.
            StoreUnavailable, StreamUnavailable: Redis or Kafka failed until the retries gave up.
            DeadLetterLimit: too many of the last records cannot be applied.
            UnknownVersion: a stored state was written by newer code.

        In none of these cases may the chunk be acknowledged. Complexity: O(records) folds and one decision a
        visitor; one load for all visitors not cached, one write a slice of `slice_visitors`.
        """
        started, received = self._clock.monotonic(), self._clock.now()
        decoded = decode_chunk(self._config.events_topic, holding.partition, records)
        started = self._stage("decode", started)
        known = await self._look_up(holding, decoded.by_visitor)
        started = self._stage("load", started)
        touched = self._fold_visitors(decoded, known, records)
        self._stage("fold", started)
        times = (_milliseconds(received), _milliseconds(self._clock.now()))
        # Dead letters are in Kafka before `done` passes their records: each ends applied or buried.
        await self._deps.dead_letters.bury(decoded.letters, of=len(records))
        published = await self._write_slices(holding, touched, end, times)
        self._stage_metrics.count_chunk(decoded, touched, len(records))
        return published

    async def verify(self, holding: Holding) -> None:
        """Write nothing, expecting the store to stand where we left it.

        Raises:
            Fenced, Regressed, StoreUnavailable: as in `apply`.
        """
        unchanged = SliceWrite(
            partition=holding.partition, epoch=holding.epoch,
            expect_done=holding.done, expect_part=holding.part, done=holding.done, part=holding.part,
        )  # fmt: skip
        await self._deps.retries("verify", lambda: self._deps.store.write(unchanged))

    # -- loading

    async def _look_up(
        self, holding: Holding, visitors: Iterable[VisitorId]
    ) -> dict[VisitorId, KnownVisitor]:
        """Each visitor as last written, from the cache or else from the store."""
        known: dict[VisitorId, KnownVisitor] = {}
        missing: list[VisitorId] = []
        for visitor in visitors:
            entry = self._cache.get(visitor, holding)
            if entry is None:
                missing.append(visitor)
            else:
                known[visitor] = entry, None
        self._metrics.count("lru_hits_total", len(known))
        if missing:
            self._metrics.count("lru_misses_total", len(missing))
            for visitor, loaded in zip(missing, await self._load(holding, missing), strict=True):
                state = EMPTY if loaded.state is None else _unpack_state(holding.partition, loaded.state)
                known[visitor] = CachedVisitor(holding, state, None, float("-inf")), loaded.body
        return known

    async def _load(self, holding: Holding, visitors: list[VisitorId]) -> list[Loaded]:
        bodies = self._deps.decider is not None
        return await self._deps.retries(
            "load", lambda: self._deps.store.load(holding.partition, visitors, bodies=bodies)
        )

    # -- folding

    def _fold_visitors(
        self, decoded: DecodedChunk, known: dict[VisitorId, KnownVisitor], raw: Sequence[Record]
    ) -> list[TouchedVisitor]:
        """The visitors whom the chunk changed; a record on whom fold fails gets a letter in `decoded`."""
        touched = []
        for visitor, records in decoded.by_visitor.items():
            entry, body = known[visitor]
            one = TouchedVisitor(visitor, entry, entry.state, body, [], [])
            for record in records:
                failed = self._fold_one(one, record)
                if failed is not None:
                    decoded.letters.append(self._fold_failure(record, raw, failed))
            if one.applied:
                touched.append(one)
        return touched

    def _fold_one(self, one: TouchedVisitor, record: EventRecord) -> Exception | None:
        """Fold one record in; returns the error of a defect in fold, which buries that record alone."""
        before = one.state
        try:
            one.state = self._deps.fold(before, record)
        except Exception as exc:
            return exc
        if one.state is not before:
            one.arrivals.append(record.arrival)
            one.applied.append((before, record))
        return None

    def _fold_failure(self, record: EventRecord, raw: Sequence[Record], failed: Exception) -> DeadLetter:
        source = next(each for each in raw if each.offset == record.offset)
        return letter_of(self._config.events_topic.topic, source, "fold_failed", repr(failed))

    # -- deciding and writing

    async def _write_slices(
        self, holding: Holding, touched: list[TouchedVisitor], end: int, times: tuple[float, ...]
    ) -> Awaitable[None] | None:
        """Decide, publish and write, slice by slice; the last slice moves `done` to `end`."""
        published: list[asyncio.Task[None]] = []
        groups = list(split_batches(touched, self._config.slice_visitors))
        for at, batch in enumerate(groups):
            updates = await self._decide(holding, batch)
            records = [
                (one.visitor.encode(), update.record)
                for one, update in zip(batch, updates, strict=True)
                if update is not None and update.record is not None
            ]
            if records:
                published.append(self._deps.publisher.publish(self._config.decisions_topic, records))
            slices = split_by_layouts(batch, updates)
            ranked = _milliseconds(self._clock.now())
            for number, (visitors, layouts) in enumerate(slices):
                last = at == len(groups) - 1 and number == len(slices) - 1
                write = build_write(holding, visitors, layouts, end if last else None)
                await self._write(holding, replace(write, times=(*times, ranked)), visitors, layouts)
        if not groups:
            await self._write(holding, build_write(holding, [], [], end), [], [])
        return _wait_for_all(published) if published else None

    async def _decide(
        self, holding: Holding, batch: Sequence[TouchedVisitor]
    ) -> list[LiveLayoutUpdate | None]:
        """A layout update for each visitor whose newest record is young enough to matter."""
        updates: list[LiveLayoutUpdate | None] = [None] * len(batch)
        if self._deps.decider is None:
            return updates
        oldest = self._clock.now() - self._config.decide_within_s
        young = [index for index, one in enumerate(batch) if one.arrivals[-1] >= oldest]
        if young:
            decided = await self._deps.decider(
                [self._layout_request(holding, batch[index]) for index in young]
            )
            for index, update in zip(young, decided, strict=True):
                updates[index] = update
        return updates

    def _layout_request(self, holding: Holding, one: TouchedVisitor) -> LiveLayoutRequest:
        shown_at = one.before.shown_at
        return LiveLayoutRequest(
            visitor=one.visitor,
            state=one.state,
            version=Version(one.state.incarnation, holding.partition, one.state.offset),
            previous=one.before.fills,
            body=one.body,
            # Half its life after it was last written, Redis may soon have let it go.
            whole=self._clock.monotonic() - shown_at > self._config.layout_ttl_s / 2,
        )

    async def _write(
        self,
        holding: Holding,
        write: SliceWrite,
        touched: Sequence[TouchedVisitor],
        updates: Sequence[LiveLayoutUpdate | None],
    ) -> None:
        started = self._clock.monotonic()
        await self._deps.retries("write", lambda: self._deps.store.write(write))
        now = self._stage("write", started)
        holding.done, holding.part, holding.proven = write.done, write.part, True
        self._remember(holding, zip(touched, write.visitors, updates, strict=True), now)
        self._stage_metrics.count_slice(touched, updates)

    def _remember(
        self,
        holding: Holding,
        slice_: Iterable[tuple[TouchedVisitor, VisitorWrite, LiveLayoutUpdate | None]],
        now: float,
    ) -> None:
        """Caches what was written, and counts it for the crowd's signals."""
        count_signals = self._deps.count_signals
        for one, written, update in slice_:
            fills, shown_at = (update.fills, now) if update else (None, float("-inf"))
            entry = CachedVisitor(holding, one.state, fills, shown_at, packed=written.state)
            self._cache.put(one.visitor, entry)
            if count_signals is not None:
                for before, record in one.applied:
                    count_signals(before, record)


def _unpack_state(partition: int, packed: bytes) -> VisitorState:
    """The state; UnknownVersion names the partition, for such a state is not to be overwritten."""
    try:
        return unpack(packed)
    except UnknownVersion as exc:
        raise UnknownVersion(f"partition {partition} holds {exc}") from exc


def _milliseconds(moment: float) -> float:
    """Epoch milliseconds, as notices carry them."""
    return round(moment * 1000, 1)


async def _wait_for_all(tasks: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks)
