"""Whatever dies, comes late or is forgotten: the store equals the pure fold of the log, and never goes back.

The same runs with one safeguard taken out must fail, or they would prove nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.errors import Fenced, Regressed
from schemas.ids import VisitorId
from streams.kafka.partitioner import partition_of
from streams.stores.memory import MemoryStore, Own
from streams.stores.protocols import SliceWrite
from streams.workers.group.ownership import Holding
from streams.workers.group.round_processor import Outcome
from streams.workers.personalize.engine import Engine, EngineConfig, EngineDependencies
from streams.workers.personalize.slices import PreparedChunk
from streams.workers.personalize.visitors import window_ends
from streams.workers.personalize.visitors.visitor_cache import CachedVisitor, VisitorCache
from tests.faults.mutants import AckFirst, forgetful_fold, short_memory_fold
from tests.properties.doors import Raw
from tests.properties.interleavings import run
from tests.properties.invariants import Broken
from tests.properties.worker import PARTITIONS, Overrides
from tests.random_events import random_event

STEPS = 90
SEEDS = 400
VISITORS = tuple(VisitorId(name) for name in ("a:ann", "u:bob", "a:cid", "u:dee", "a:eve", "u:fay"))


def make_logs(seed: int, length: int = 18) -> list[list[Raw]]:
    """Events of a few visitors, some repeated by their client, some that can never be applied."""
    rng = Random(seed)
    logs: list[list[Raw]] = [[] for _ in range(PARTITIONS)]
    for number in range(length):
        visitor = rng.choice(VISITORS)
        key, value = visitor.encode(), random_event(rng, visitor, number)
        partition = partition_of(key, PARTITIONS)
        log = logs[partition]
        match rng.randrange(12):
            case 0:
                value = value[: len(value) // 2]
            case 1:
                key = b"u:somebody-else"
            case 2 if log:
                key, value = log[-1].key or b"", log[-1].value or b""
        tombstone = rng.randrange(25) == 0
        at = 1_767_600_000_000 + number * 40_000
        log.append(Raw(key, None if tombstone else value, len(log), at, partition))
    return logs


def make_queues(seed: int) -> list[list[Raw]]:
    """Two visitors' queues of events, in pieces that are sent again, in any order, up to hours later."""
    rng = Random(seed)
    logs: list[list[Raw]] = [[] for _ in range(PARTITIONS)]
    sent: dict[VisitorId, list[bytes]] = {visitor: [] for visitor in VISITORS[:2]}
    at = 1_767_600_000_000
    for number in range(90):
        visitor = rng.choice(VISITORS[:2])
        key, queue = visitor.encode(), sent[visitor]
        value = rng.choice(queue) if queue and rng.random() < 0.4 else random_event(rng, visitor, number)
        queue.append(value)
        log = logs[partition_of(key, PARTITIONS)]
        at += rng.choice([10, 1000, 60_000, 600_000])
        log.append(Raw(key, value, len(log), at, partition_of(key, PARTITIONS)))
    return logs


def play(seed: int, overrides: Overrides, *, steps: int, logs: list[list[Raw]] | None = None) -> None:
    """A run that the seed alone decides."""
    rng = Random(seed)
    tape = iter([rng.randrange(256) for _ in range(12 * steps)])
    asyncio.run(run(logs or make_logs(seed), tape, steps=steps, overrides=overrides))


@given(st.integers(0, 10_000), st.lists(st.integers(0, 255), max_size=600))
@settings(max_examples=300, deadline=None)
def test_the_store_equals_the_fold_of_the_log(seed: int, tape: list[int]) -> None:
    asyncio.run(run(make_logs(seed), iter(tape), steps=STEPS, overrides=Overrides()))


@pytest.mark.parametrize("seed", range(20))
def test_long_runs_too(seed: int) -> None:
    play(seed, Overrides(), steps=150)


@pytest.mark.parametrize("seed", range(60))
def test_queues_sent_again_count_once(seed: int) -> None:
    """State and window are the fold of the log, and windows that are over go."""
    play(seed, Overrides(), steps=60, logs=make_queues(seed))


class Windowless(MemoryStore):
    """Writes states and no windows."""

    async def write(self, write: SliceWrite) -> None:
        await super().write(replace(write, windows=()))


def _play_queues(overrides: Overrides) -> None:
    for seed in range(20):
        play(seed, overrides, steps=10, logs=make_queues(seed))


def test_windows_that_go_too_early_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_ends, "SLACK_MINUTES", -90)
    with pytest.raises(Broken):
        _play_queues(Overrides())


@pytest.mark.parametrize("overrides", [Overrides(fold=short_memory_fold), Overrides(store=Windowless)])
def test_without_the_window_a_queue_sent_again_is_noticed(overrides: Overrides) -> None:
    with pytest.raises(Broken):
        _play_queues(overrides)


class Unfenced(MemoryStore):
    """Lets everybody claim and write."""

    def _successor(self, partition: int, own: Own | None, kafka_generation: int, nonce: str) -> Own:
        return super()._successor(partition, own, 2**40, nonce)

    def _is_repeated(self, write: SliceWrite) -> bool:
        try:
            return super()._is_repeated(write)
        except Fenced:
            return False


class Unchecked(MemoryStore):
    """Does not look where it stands."""

    def _is_repeated(self, write: SliceWrite) -> bool:
        own = self.contents.own.get(write.partition)
        if own is None:
            raise Regressed("nobody owns it", done=None)
        if own.epoch != write.epoch:
            return super()._is_repeated(write)
        return False


class ImpatientCache(VisitorCache):
    """Lets go of visitors that are not written yet; the next round reads what the store has of them."""

    def put(self, visitor: VisitorId, entry: CachedVisitor) -> None:
        super().put(visitor, entry)
        while len(self) > self._size:
            self._entries.popitem(last=False)


class TrustingCache(VisitorCache):
    """Goes on with what was decided under a holding that is over."""

    def get(self, visitor: VisitorId, holding: Holding) -> CachedVisitor | None:
        return self._entries.get(visitor)


class Impatient(Engine):
    def __init__(self, config: EngineConfig, dependencies: EngineDependencies) -> None:
        super().__init__(config, dependencies)
        self._cache = ImpatientCache(config.lru_visitors)


class Trusting(Engine):
    def __init__(self, config: EngineConfig, dependencies: EngineDependencies) -> None:
        super().__init__(config, dependencies)
        self._cache = TrustingCache(config.lru_visitors)


class LateBurial(Engine):
    """Buries when all is written."""

    async def write(self, prepared: Sequence[PreparedChunk]) -> list[Outcome]:
        letters = [letter for one in prepared for letter in one.decoded.letters]
        for one in prepared:
            one.decoded.letters = []
        outcomes = await super().write(prepared)
        if letters:
            await self._deps.dead_letters.bury(letters)
        return outcomes


MUTANTS = {
    "no_fence": Overrides(store=Unfenced),
    "no_done_check": Overrides(store=Unchecked),
    "ack_before_write": Overrides(engine=AckFirst),
    "no_message_id": Overrides(fold=forgetful_fold),
    "early_eviction": Overrides(engine=Impatient),
    "cache_never_void": Overrides(engine=Trusting),
    "late_burial": Overrides(engine=LateBurial),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_without_a_safeguard_it_fails(name: str) -> None:
    for seed in range(SEEDS):
        try:
            play(seed, MUTANTS[name], steps=STEPS)
        except Broken:
            return
    pytest.fail(f"{SEEDS} runs did not notice that a safeguard was missing: {name}")
