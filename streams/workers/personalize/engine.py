"""Rounds of events, start to end: decode, load, fold, decide, bury, write. Knows neither Faust nor Kafka.

The chunks of all partitions of a round go through each stage together. Everything a chunk changes is written
in slices by the store's fenced script, its checkpoint (`done`, `part`) in the same write as the states: a
chunk that is read again folds to the same states. The next round folds on what was decided, written or not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from models.visitor.fold import fold_packed
from models.visitor.packing import version_of
from models.visitor.state import EventRecord
from schemas.dead_letters import DeadLetter
from schemas.errors import Fenced, Regressed, UnknownVersion
from schemas.ids import VisitorId
from streams.kafka.producer import Publisher
from streams.kafka.transport.chunks import Record
from streams.runtime.clock import Clock
from streams.runtime.retries import Retry
from streams.runtime.tasks import LoopSharing
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.protocols import Loaded, SliceWrite, VisitorStore
from streams.workers.group.dead_letters import DeadLetters
from streams.workers.group.ownership import Holding
from streams.workers.group.round_processor import HeldChunk, Outcome
from streams.workers.personalize.decider import Decider, LiveLayoutRequest
from streams.workers.personalize.decoding import EventsTopic, decode_chunk, letter_of
from streams.workers.personalize.slices import (
    SLICE_VISITORS,
    PreparedChunk,
    SliceSender,
    TouchedVisitor,
    cut_slices,
)
from streams.workers.personalize.stage_metrics import StageMetrics
from streams.workers.personalize.visitors.loading import KnownVisitors, VisitorLoading
from streams.workers.personalize.visitors.visitor_cache import CachedVisitor, VisitorCache
from streams.workers.personalize.visitors.window_ends import WindowEnds

Fold = Callable[[bytes, EventRecord], bytes]
CountSignals = Callable[[bytes, EventRecord], None]
"""Counts one applied record for the crowd; gets the packed state before it. Never waits or raises."""


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
    fold: Fold = fold_packed


class Engine:
    """The `RoundProcessor` of the workers.

    Raises, from `prepare` and `write`:
        StoreUnavailable, StreamUnavailable: Redis or Kafka failed until the retries gave up.
        DeadLetterLimit: too many of the last records cannot be applied.
        UnknownVersion: a stored state was written by newer code.
        QuarantineFull: too many stored states were written by no code of ours.

    In none of these cases may a chunk of the round be acknowledged.
    """

    def __init__(self, config: EngineConfig, dependencies: EngineDependencies) -> None:
        self._config, self._deps = config, dependencies
        self._metrics, self._clock = dependencies.metrics, dependencies.clock
        self._stage_metrics = StageMetrics(dependencies.metrics, dependencies.clock)
        self._stage = self._stage_metrics.stage
        self._cache = VisitorCache(config.lru_visitors)
        self._window_ends = WindowEnds()
        self._loading = VisitorLoading(
            dependencies.store, dependencies.retries, dependencies.metrics,
            bodies=dependencies.decider is not None,
        )  # fmt: skip
        dependencies.metrics.watch("lru_visitors", lambda: len(self._cache))

    async def prepare(self, chunks: Sequence[HeldChunk]) -> list[PreparedChunk]:
        """Decode, fold and decide a round; records that were applied before change nothing.

        Complexity: O(records) folds, a decision a visitor; one round trip for all visitors not cached. The
        loop is never held for more than one chunk's decoding, some folds, or a run of the policy.
        """
        sharing = LoopSharing(self._clock)
        received, started = self._clock.now(), self._clock.monotonic()
        prepared = []
        for chunk in chunks:
            decoded = decode_chunk(self._config.events_topic, chunk.holding.partition, chunk.records)
            prepared.append(PreparedChunk(chunk, decoded))
            await sharing.pause_when_due()
        started = self._stage("decode", started)
        known = await self._loading.look_up(prepared, self._cache)
        started = self._stage("load", started)
        for one in prepared:
            await self._fold_visitors(one, known, sharing)
        self._stage("fold", started)
        folded = self._clock.now()
        await self._decide(prepared)
        times = _milliseconds(received), _milliseconds(folded), _milliseconds(self._clock.now())
        for one in prepared:
            one.times = times
            self._remember(one)
        return prepared

    async def write(self, prepared: Sequence[PreparedChunk]) -> list[Outcome]:
        """Bury, publish and write a round, all of it in one send.

        Decision records are not waited for: an outcome's `published` does.
        """
        await self._bury(prepared)
        published = [self._publish(one) for one in prepared]
        sharing = LoopSharing(self._clock)
        for one in prepared:
            one.slices = [] if one.refused else self._cut(one)
            await sharing.pause_when_due()
        started = self._clock.monotonic()
        refused = {index: one.refused for index, one in enumerate(prepared) if one.refused is not None}
        refused |= await self._send([one.slices for one in prepared])
        self._stage("write", started)
        written = [one for index, one in enumerate(prepared) if index not in refused]
        for one in written:
            holding = one.chunk.holding
            holding.done, holding.part, holding.proven = one.chunk.end, 0, True
        self._stage_metrics.count_round(written)
        await self._count_signals(written, sharing)
        return [Outcome(refused.get(index), waiting) for index, waiting in enumerate(published)]

    async def verify(self, holding: Holding) -> None:
        """Write nothing, expecting the store to stand where we left it, as `RoundProcessor.verify`."""
        unchanged = SliceWrite(
            partition=holding.partition, epoch=holding.epoch,
            expect_done=holding.done, expect_part=holding.part, done=holding.done, part=holding.part,
        )  # fmt: skip
        await self._deps.retries("verify", lambda: self._deps.store.write(unchanged))

    # -- folding

    async def _fold_visitors(self, one: PreparedChunk, known: KnownVisitors, sharing: LoopSharing) -> None:
        """Notes the visitors whom the chunk changed; a record on whom fold fails gets a letter."""
        for visitor in one.decoded.by_visitor:
            before, body = known[visitor]
            try:
                self._fold_visitor(one, visitor, before, body)
            except UnknownVersion:
                before, body = await self._loading.mend(one, visitor, Loaded(before.state, body))
                self._fold_visitor(one, visitor, before, body)
            await sharing.pause_when_due()

    def _fold_visitor(
        self, one: PreparedChunk, visitor: VisitorId, before: CachedVisitor, body: bytes | None
    ) -> None:
        """Raises UnknownVersion, and nothing is noted, when the state before cannot be read."""
        touched = TouchedVisitor(visitor, before, before.state, body, [], [])
        for record in one.decoded.by_visitor[visitor]:
            failed = self._fold_one(touched, record)
            if failed is not None:
                one.decoded.letters.append(self._fold_failure(record, one.chunk.records, failed))
        if touched.applied:
            one.touched.append(touched)

    def _fold_one(self, touched: TouchedVisitor, record: EventRecord) -> Exception | None:
        """Fold one record in; returns the error of a defect in fold, which buries that record alone."""
        before = touched.state
        try:
            touched.state = self._deps.fold(before, record)
        except UnknownVersion:  # of the state, not of the record
            raise
        except Exception as exc:
            return exc
        if touched.state is not before:
            touched.arrivals.append(record.arrival)
            touched.applied.append((before, record))
        return None

    def _fold_failure(self, record: EventRecord, raw: Sequence[Record], failed: Exception) -> DeadLetter:
        source = next(each for each in raw if each.offset == record.offset)
        return letter_of(self._config.events_topic.topic, source, "fold_failed", repr(failed))

    # -- deciding

    async def _decide(self, prepared: Sequence[PreparedChunk]) -> None:
        """A layout update for each visitor of the round whose newest record is young enough to matter."""
        if self._deps.decider is None:
            return
        oldest = self._clock.now() - self._config.decide_within_s
        young = [
            (one.chunk.holding.partition, touched)
            for one in prepared
            for touched in one.touched
            if touched.arrivals[-1] >= oldest
        ]
        updates = await self._deps.decider([self._layout_request(*each) for each in young])
        for (_, touched), update in zip(young, updates, strict=True):
            touched.update = update

    def _layout_request(self, partition: int, touched: TouchedVisitor) -> LiveLayoutRequest:
        return LiveLayoutRequest(
            visitor=touched.visitor,
            state=touched.state,
            version=version_of(touched.state, partition),
            previous=touched.before.fills,
            body=touched.body,
            # Half its life after it was last written, Redis may soon have let it go.
            whole=self._clock.monotonic() - touched.before.shown_at > self._config.layout_ttl_s / 2,
        )

    def _remember(self, one: PreparedChunk) -> None:
        """Caches what will be written: void, with its holding, when it is not."""
        now = self._clock.monotonic()
        for touched in one.touched:
            fills, shown_at = (touched.update.fills, now) if touched.update else (None, float("-inf"))
            entry = CachedVisitor(one.chunk.holding, touched.state, fills, shown_at, end=one.chunk.end)
            self._cache.put(touched.visitor, entry)

    # -- writing

    async def _bury(self, prepared: Sequence[PreparedChunk]) -> None:
        """Letters are in Kafka before `done` passes their records: each ends applied or buried."""
        letters = []
        for one in prepared:
            self._deps.dead_letters.check(one.decoded.letters, of=len(one.chunk.records))
            letters += one.decoded.letters
        if letters:
            await self._deps.dead_letters.bury(letters)

    def _publish(self, one: PreparedChunk) -> Awaitable[None] | None:
        records = [
            (touched.visitor.encode(), touched.update.record)
            for touched in one.touched
            if touched.update is not None and touched.update.record is not None
        ]
        return self._deps.publisher.publish(self._config.decisions_topic, records) if records else None

    def _cut(self, one: PreparedChunk) -> list[SliceWrite]:
        """The writes of a chunk; they delete the windows that are over when its last record arrives."""
        holding, records = one.chunk.holding, one.chunk.records
        one.ended = self._window_ends.take(holding, records[-1].timestamp / 1000) if records else ()
        slices = cut_slices(one, self._config.slice_visitors)
        for touched in one.touched:
            if touched.window_end:
                self._window_ends.note(holding, touched.visitor, touched.window_end)
        return slices

    async def _send(self, chunks: Sequence[Sequence[SliceWrite]]) -> dict[int, Fenced | Regressed]:
        """Write the slices of each chunk; why, for each index of a chunk that was refused."""
        sender = SliceSender(self._deps.store, chunks)
        await self._deps.retries("write", sender)
        return sender.refused

    async def _count_signals(self, written: Sequence[PreparedChunk], sharing: LoopSharing) -> None:
        count = self._deps.count_signals
        if count is None:
            return
        for one in written:
            for touched in one.touched:
                for before, record in touched.applied:
                    count(before, record)
            await sharing.pause_when_due()


def _milliseconds(moment: float) -> float:
    return round(moment * 1000, 1)
