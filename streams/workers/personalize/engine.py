"""One chunk of events, start to end: sift, load, fold, bury, decide, write. Knows neither Faust nor Kafka.

Errors that leave `apply`: Fenced, Regressed (the partition must be taken again), StoreUnavailable,
StreamUnavailable, DeadLetterLimit and defects (halt). In none of these cases was the chunk acknowledged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from models.visitor.fold import fold
from models.visitor.packing import pack, unpack
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
from streams.workers.personalize.decoding import DecodedChunk, Place, decode_chunk, letter_of
from streams.workers.personalize.slices import SLICE_VISITORS, Touched, batches, slices
from streams.workers.personalize.stage_metrics import StageMetrics
from streams.workers.personalize.visitor_cache import CachedVisitor, VisitorCache

Fold = Callable[[VisitorState, EventRecord], VisitorState]
Crowd = Callable[[VisitorState, EventRecord], None]


class EngineConfig(Struct, frozen=True, kw_only=True):
    """What the engine must know: where records stand, and which are still worth a decision."""

    place: Place
    decisions_topic: str
    decide_within_s: float = 30.0
    layout_ttl_s: float = 1800.0
    lru_visitors: int = 20_000
    slice_visitors: int = SLICE_VISITORS


class EngineDependencies(Struct, frozen=True, kw_only=True):
    """What the engine works with. Without `deciding` it folds only; `crowd` counts what was applied."""

    store: VisitorStore
    retries: Retry
    dead_letters: DeadLetters
    publisher: Publisher
    clock: Clock
    metrics: Metrics
    deciding: Decider | None = None
    crowd: Crowd | None = None
    fold: Fold = fold


class Engine:
    """`apply` may run for several partitions at once, and never twice at once for one."""

    def __init__(self, terms: EngineConfig, means: EngineDependencies) -> None:
        self._terms, self._means = terms, means
        self._metrics, self._clock = means.metrics, means.clock
        self._counting = StageMetrics(means.metrics, means.clock)
        self._stage = self._counting.stage
        self.remembered = VisitorCache(terms.lru_visitors)
        means.metrics.watch("lru_visitors", lambda: len(self.remembered))

    async def apply(self, holding: Holding, records: Sequence[Record], end: int) -> Awaitable[None] | None:
        """Apply records up to offset `end`; what is returned ends when all that was published is safe."""
        started, taken = self._clock.monotonic(), self._clock.now()
        decoded = decode_chunk(self._terms.place, holding.partition, records)
        started = self._stage("decode", started)
        known = await self._known(holding, decoded.by_visitor)
        started = self._stage("load", started)
        touched = self._folded(decoded, known, records)
        self._stage("fold", started)
        times = (_milliseconds(taken), _milliseconds(self._clock.now()))
        # Safe before `done` passes them: a record ends applied or buried, whatever happens next.
        await self._means.dead_letters.bury(decoded.letters, of=len(records))
        published = await self._written(holding, touched, end, times)
        self._counting.chunk_settled(decoded, touched, len(records))
        return published

    async def verify(self, holding: Holding) -> None:
        """Write nothing, expecting the store to stand where we left it; Fenced or Regressed as in `apply`."""
        same = SliceWrite(
            partition=holding.partition, epoch=holding.epoch,
            expect_done=holding.done, expect_part=holding.part, done=holding.done, part=holding.part,
        )  # fmt: skip
        await self._means.retries("verify", lambda: self._means.store.write(same))

    # -- loading

    async def _known(
        self, holding: Holding, visitors: Iterable[VisitorId]
    ) -> dict[VisitorId, tuple[CachedVisitor, bytes | None]]:
        """What is remembered of each visitor, from memory or else from the store."""
        known: dict[VisitorId, tuple[CachedVisitor, bytes | None]] = {}
        missing: list[VisitorId] = []
        for visitor in visitors:
            entry = self.remembered.get(visitor, holding)
            if entry is None:
                missing.append(visitor)
            else:
                known[visitor] = entry, None
        self._metrics.count("lru_hits_total", len(known))
        if missing:
            self._metrics.count("lru_misses_total", len(missing))
            for visitor, loaded in zip(missing, await self._load(holding, missing), strict=True):
                state = EMPTY if loaded.state is None else _unpacked(holding.partition, loaded.state)
                known[visitor] = CachedVisitor(holding, state, None, float("-inf")), loaded.body
        return known

    async def _load(self, holding: Holding, visitors: list[VisitorId]) -> list[Loaded]:
        bodies = self._means.deciding is not None
        return await self._means.retries(
            "load", lambda: self._means.store.load(holding.partition, visitors, bodies=bodies)
        )

    # -- folding

    def _folded(
        self,
        decoded: DecodedChunk,
        known: dict[VisitorId, tuple[CachedVisitor, bytes | None]],
        raw: Sequence[Record],
    ) -> list[Touched]:
        touched = []
        for visitor, records in decoded.by_visitor.items():
            entry, body = known[visitor]
            one = Touched(visitor, entry, entry.state, body, [], [])
            for record in records:
                failed = self._fold_one(one, record)
                if failed is not None:
                    decoded.letters.append(self._fold_failed(record, raw, failed))
            if one.applied:
                touched.append(one)
        return touched

    def _fold_one(self, one: Touched, record: EventRecord) -> Exception | None:
        """Fold one record in; the error of a defect in fold, which buries that record alone."""
        before = one.state
        try:
            one.state = self._means.fold(before, record)
        except Exception as exc:
            return exc
        if one.state is not before:
            one.arrivals.append(record.arrival)
            one.applied.append((before, record))
        return None

    def _fold_failed(self, record: EventRecord, raw: Sequence[Record], failed: Exception) -> DeadLetter:
        source = next(each for each in raw if each.offset == record.offset)
        return letter_of(self._terms.place.topic, source, "fold_failed", repr(failed))

    # -- deciding and writing

    async def _written(
        self, holding: Holding, touched: list[Touched], end: int, times: tuple[float, ...]
    ) -> Awaitable[None] | None:
        published: list[asyncio.Task[None]] = []
        groups = list(batches(touched, self._terms.slice_visitors))
        for at, batch in enumerate(groups):
            updates = await self._decided(holding, batch)
            records = [
                (one.visitor.encode(), update.record)
                for one, update in zip(batch, updates, strict=True)
                if update is not None and update.record is not None
            ]
            if records:
                published.append(self._means.publisher.publish(self._terms.decisions_topic, records))
            parts = slices(batch, updates)
            ranked = _milliseconds(self._clock.now())
            for number, (part, decided) in enumerate(parts):
                last = at == len(groups) - 1 and number == len(parts) - 1
                write = self._slice(holding, part, decided, end if last else None)
                await self._write(holding, replace(write, times=(*times, ranked)), part, decided)
        if not groups:
            await self._write(holding, self._slice(holding, [], [], end), [], [])
        return _all_of(published) if published else None

    async def _decided(self, holding: Holding, batch: Sequence[Touched]) -> list[LiveLayoutUpdate | None]:
        """A verdict for each visitor whose newest record is young enough to matter."""
        updates: list[LiveLayoutUpdate | None] = [None] * len(batch)
        if self._means.deciding is None:
            return updates
        oldest = self._clock.now() - self._terms.decide_within_s
        young = [index for index, one in enumerate(batch) if one.arrivals[-1] >= oldest]
        if young:
            decided = await self._means.deciding(
                [self._layout_requests(holding, batch[index]) for index in young]
            )
            for index, update in zip(young, decided, strict=True):
                updates[index] = update
        return updates

    def _layout_requests(self, holding: Holding, one: Touched) -> LiveLayoutRequest:
        shown_at = one.before.shown_at
        return LiveLayoutRequest(
            visitor=one.visitor,
            state=one.state,
            version=Version(one.state.incarnation, holding.partition, one.state.offset),
            previous=one.before.fills,
            body=one.body,
            # Half its life after it was last written, Redis may soon have let it go.
            whole=self._clock.monotonic() - shown_at > self._terms.layout_ttl_s / 2,
        )

    def _slice(
        self,
        holding: Holding,
        part: Sequence[Touched],
        updates: Sequence[LiveLayoutUpdate | None],
        end: int | None,
    ) -> SliceWrite:
        """What one slice writes; `end` with the last of a chunk."""
        return SliceWrite(
            partition=holding.partition,
            epoch=holding.epoch,
            expect_done=holding.done,
            expect_part=holding.part,
            done=holding.done if end is None else end,
            part=holding.part + 1 if end is None else 0,
            visitors=[self._visitor_write(holding, *pair) for pair in zip(part, updates, strict=True)],
        )

    async def _write(
        self,
        holding: Holding,
        write: SliceWrite,
        part: Sequence[Touched],
        updates: Sequence[LiveLayoutUpdate | None],
    ) -> None:
        started = self._clock.monotonic()
        await self._means.retries("write", lambda: self._means.store.write(write))
        now = self._stage("write", started)
        holding.done, holding.part, holding.proven = write.done, write.part, True
        self._remember(holding, zip(part, write.visitors, updates, strict=True), now)
        self._counting.slice_written(part, updates)

    def _visitor_write(self, holding: Holding, one: Touched, update: LiveLayoutUpdate | None) -> VisitorWrite:
        state = one.state
        return VisitorWrite(
            visitor=one.visitor,
            state=pack(state),
            version=f"{state.incarnation}.{holding.partition}.{state.offset}",
            head=update.head if update else None,
            body=update.body if update else None,
            drop_layout=update is None,
        )

    def _remember(
        self,
        holding: Holding,
        slice_: Iterable[tuple[Touched, VisitorWrite, LiveLayoutUpdate | None]],
        now: float,
    ) -> None:
        """Only what is surely written is remembered and told to the crowd."""
        crowd = self._means.crowd
        for one, written, update in slice_:
            fills, shown_at = (update.fills, now) if update else (None, float("-inf"))
            entry = CachedVisitor(holding, one.state, fills, shown_at, packed=written.state)
            self.remembered.put(one.visitor, entry)
            if crowd is not None:
                for before, record in one.applied:
                    crowd(before, record)


def _unpacked(partition: int, packed: bytes) -> VisitorState:
    """The state; UnknownVersion says where it stands, for it is not to be overwritten."""
    try:
        return unpack(packed)
    except UnknownVersion as exc:
        raise UnknownVersion(f"partition {partition} holds {exc}") from exc


def _milliseconds(moment: float) -> float:
    """Epoch milliseconds, as notices tell them."""
    return round(moment * 1000, 1)


async def _all_of(tasks: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks)
