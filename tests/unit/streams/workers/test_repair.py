"""A repair beside an owner that writes: whatever comes in between, states are the fold of the log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from models.visitor.fold import fold
from models.visitor.packing import is_readable, pack, version_of
from models.visitor.state import EMPTY
from schemas.errors import Fenced, Regressed
from schemas.ids import VisitorId
from streams.runtime.clock import ManualClock
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.memory import Key, MemoryStore
from streams.stores.protocols import Claim, Loaded, Quarantined, SliceWrite, VisitorWrite, WriteOutcome
from streams.stores.redis.quarantine import Standing
from streams.workers import repair as module
from streams.workers.group.ownership import Holding
from streams.workers.group.round_processor import HeldChunk
from streams.workers.personalize.decoding import decode_chunk
from streams.workers.personalize.engine import Engine, EngineConfig, EngineDependencies
from streams.workers.repair import NothingToRepair, Repaired, VisitorRepair
from tests.properties.doors import Raw, retry_at_once
from tests.properties.worker import EVENTS_TOPIC
from tests.random_events import random_event
from tests.windows import is_fold

P = 1
RECORDS, BEFORE = 400, 100
VISITOR = VisitorId("u:v3")


def make_log(seed: int) -> list[Raw]:
    rng, log = Random(seed), list[Raw]()
    while len(log) < RECORDS:
        visitor = VisitorId(f"u:v{rng.randrange(12)}")
        raw = Raw(
            visitor.encode(), random_event(rng, visitor, len(log)), len(log), 1_767_600_000_000 + len(log), P
        )
        if decode_chunk(EVENTS_TOPIC, P, [raw]).by_visitor:
            log.append(raw)
    return log


class SlowStore(MemoryStore):
    """Others come in between before each call, and between slices that are sent together."""

    def __init__(self, rng: Random) -> None:
        super().__init__(incarnation=EVENTS_TOPIC.incarnation)
        self._rng = rng

    async def pause(self) -> None:
        for _ in range(self._rng.randrange(4)):
            await asyncio.sleep(0)

    async def claim(self, *args: Any, **kwargs: Any) -> Claim:
        await self.pause()
        return await super().claim(*args, **kwargs)

    async def load(self, *args: Any, **kwargs: Any) -> list[Loaded]:
        await self.pause()
        return await super().load(*args, **kwargs)

    async def quarantine(self, *args: Any, **kwargs: Any) -> Quarantined | None:
        await self.pause()
        return await super().quarantine(*args, **kwargs)

    async def write(self, write: SliceWrite) -> None:
        await self.pause()
        await super().write(write)

    async def write_all(self, writes: Sequence[SliceWrite]) -> list[WriteOutcome]:
        outcomes: list[WriteOutcome] = []
        for write in writes:
            outcomes += await super().write_all([write])
        return outcomes

    def _put(self, key: Key, one: VisitorWrite) -> None:
        before = self.contents.states.get(key)
        if isinstance(before, bytes) and before and is_readable(before):
            assert version_of(one.state, P).offset >= version_of(before, P).offset, "a version went backwards"
        super()._put(key, one)

    # what a repair asks

    async def standing(self, partition: int) -> Standing:
        await self.pause()
        own = self.contents.own[partition]
        return Standing(own.epoch, None if own.done < 0 else own.done, own.part, own.incarnation)

    async def release(self, entries: Sequence[Quarantined]) -> None:
        for one in entries:
            self.contents.quarantined.pop(one.key, None)


class SlowLog:
    """A consumer that began at the log's start."""

    def __init__(self, records: Sequence[Raw], store: SlowStore, rng: Random) -> None:
        self._records, self._store, self._rng, self._next = records, store, rng, 0

    async def next_offset(self, tp: tuple[str, int]) -> int:
        return self._next

    async def end_offset(self, tp: tuple[str, int]) -> int:
        return len(self._records)

    async def read(self) -> Sequence[Any]:
        await self._store.pause()
        start, self._next = self._next, min(self._next + self._rng.randrange(60), len(self._records))
        return self._records[start : self._next]


class Owner:
    """A worker: two rounds under way, and a partition that is acquired again whenever a write is refused."""

    def __init__(self, store: SlowStore, records: Sequence[Raw], rng: Random) -> None:
        unused: Any = None
        letters: Any = type("Letters", (), {"check": lambda self, letters, *, of: None})()
        config = EngineConfig(
            events_topic=EVENTS_TOPIC, decisions_topic="-", slice_visitors=2, lru_visitors=6
        )
        self.engine = Engine(config, EngineDependencies(
            store=store, retries=retry_at_once, dead_letters=letters, publisher=unused,
            clock=ManualClock(), metrics=Metrics(),
        ))  # fmt: skip
        self.store, self.records, self.rng = store, records, rng
        self.regressed = 0

    async def run(self, over: asyncio.Event) -> None:
        """Until the whole log is applied, once `over`."""
        while not await self._hold(over):
            pass

    async def _hold(self, over: asyncio.Event) -> bool:
        claim = await self.store.claim(P, "w", 1)
        holding = Holding(P, claim, turn=1, at=claim.done or 0, reason="assigned")
        writing: asyncio.Task[bool] | None = None
        while True:
            prepared = await self._prepare(holding)
            if writing is not None and not await writing:
                return False
            if prepared:
                writing = asyncio.create_task(self._write(holding, prepared))
                continue
            writing = None
            try:
                await self.engine.verify(holding)
            except Regressed:
                self.regressed += 1
                holding.lost = True
                return False
            if over.is_set() and holding.taken == len(self.records):
                return True

    async def _prepare(self, holding: Holding) -> Any:
        start = holding.taken
        records = list(self.records[start : start + self.rng.randrange(25)])
        if not records:
            await self.store.pause()
            return None
        holding.taken = records[-1].offset + 1
        return await self.engine.prepare([HeldChunk(holding, records, holding.taken)])

    async def _write(self, holding: Holding, prepared: Any) -> bool:
        (outcome,) = await self.engine.write(prepared)
        holding.lost = outcome.refused is not None
        self.regressed += isinstance(outcome.refused, Regressed)
        assert not isinstance(outcome.refused, Fenced)
        return outcome.refused is None


async def run_world(seed: int) -> tuple[SlowStore, Owner, Repaired]:
    """One visitor's state is spoiled while nobody has it in memory, and repaired while an owner goes on."""
    rng = Random(seed)
    log, store, over = make_log(seed), SlowStore(rng), asyncio.Event()
    over.set()
    await Owner(store, log[:BEFORE], rng).run(over)
    store.contents.states[P, VISITOR] = rng.choice([b"garbage", ["x"], b""])
    over.clear()
    owner = Owner(store, log, rng)
    task = asyncio.create_task(owner.run(over))
    for _ in range(rng.randrange(100)):
        await asyncio.sleep(0)
    entries = [entry for entry, _ in store.contents.quarantined.values()]
    repair = VisitorRepair(
        VISITOR, P, EVENTS_TOPIC, visitors=store, quarantine=store, log=SlowLog(log, store, rng)
    )
    repaired = await repair.run(entries, force=True)
    over.set()
    await task
    stored, newest = store.contents, max(raw.timestamp for raw in log) / 1000
    assert all(
        is_fold(pack(folded), stored.states[P, v], stored.windows.get((P, v)), newest)
        for v, folded in fold_log(log).items()
    )
    return store, owner, repaired


def fold_log(log: Sequence[Raw]) -> dict[VisitorId, Any]:
    states: dict[VisitorId, Any] = {}
    for visitor, records in decode_chunk(EVENTS_TOPIC, P, log).by_visitor.items():
        state = EMPTY
        for record in records:
            state = fold(state, record)
        states[visitor] = state
    return states


@pytest.fixture(autouse=True)
def _pause_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0)


@pytest.mark.parametrize("seed", range(60))
async def test_beside_an_owner_that_writes_the_state_becomes_the_fold_of_the_log(seed: int) -> None:
    _, owner, repaired = await run_world(seed)
    assert repaired.records
    assert owner.regressed


async def test_an_owner_that_does_not_learn_of_it_brings_the_old_state_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What REPAIRED is for: without it, some of these worlds end with another state than the log's."""
    original = VisitorRepair._slice
    monkeypatch.setattr(
        VisitorRepair, "_slice", lambda self, standing: replace(original(self, standing), part=standing.part)
    )
    failed = 0
    for seed in range(60):
        try:
            await run_world(seed)
        except AssertionError:
            failed += 1
    assert failed


async def test_a_state_that_can_be_read_is_not_folded_again_unasked() -> None:
    rng = Random(1)
    log, store = make_log(1), SlowStore(rng)
    over = asyncio.Event()
    over.set()
    await Owner(store, log, rng).run(over)
    before = dict(store.contents.states)
    repair = VisitorRepair(
        VISITOR, P, EVENTS_TOPIC, visitors=store, quarantine=store, log=SlowLog(log, store, rng)
    )
    with pytest.raises(NothingToRepair):
        await repair.run([])
    assert store.contents.states == before
    assert (await repair.run([], force=True)).done == RECORDS
    assert store.contents.states == before


async def test_of_whom_the_log_has_nothing_nothing_is_written() -> None:
    rng = Random(1)
    log, store = make_log(1), SlowStore(rng)
    over = asyncio.Event()
    over.set()
    await Owner(store, log, rng).run(over)
    nobody = VisitorId("u:nobody")
    store.contents.states[P, nobody] = b"garbage"
    repair = VisitorRepair(
        nobody, P, EVENTS_TOPIC, visitors=store, quarantine=store, log=SlowLog(log, store, rng)
    )
    repaired = await repair.run([])
    assert (repaired.records, len(repaired.released)) == (0, 1)
    assert (P, nobody) not in store.contents.states
