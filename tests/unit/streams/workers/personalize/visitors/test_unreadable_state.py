"""States that cannot be read: newer code's halt the worker, what nobody can have written is set aside."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from models.visitor.fold import fold
from models.visitor.packing import unpack
from models.visitor.state import EMPTY
from schemas.errors import QuarantineFull, UnknownVersion
from schemas.ids import VisitorId
from streams.runtime.clock import ManualClock
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.memory import MemoryStore
from streams.stores.protocols import QUARANTINE_MAX
from streams.workers.group.ownership import Holding
from streams.workers.group.round_processor import HeldChunk, Outcome
from streams.workers.personalize.decoding import decode_chunk
from streams.workers.personalize.engine import Engine, EngineConfig, EngineDependencies
from streams.workers.personalize.visitors.loading import SET_ASIDE_MAX
from tests.properties.doors import Raw, retry_at_once
from tests.properties.worker import EVENTS_TOPIC
from tests.random_events import random_event

BOB, EVE = VisitorId("u:bob"), VisitorId("u:eve")
P = 1
OTHERS = [VisitorId(f"u:v{n}") for n in range(60)]


class Letters:
    def check(self, letters: Sequence[Any], *, of: int) -> None:
        assert not letters


def raw(visitor: VisitorId, offset: int) -> Raw:
    event = random_event(Random(offset), visitor, offset)
    return Raw(visitor.encode(), event, offset, 1_767_600_000_000 + offset, P)


class World:
    """An engine over the memory store; EVENTS_TOPIC has two partitions, and only visitors of P are used."""

    def __init__(self) -> None:
        self.store = MemoryStore(incarnation=EVENTS_TOPIC.incarnation)
        self.metrics = Metrics()
        letters: Any = Letters()
        unused: Any = None
        self.engine = Engine(EngineConfig(events_topic=EVENTS_TOPIC, decisions_topic="-"), EngineDependencies(
            store=self.store, retries=retry_at_once, dead_letters=letters, publisher=unused,
            clock=ManualClock(), metrics=self.metrics,
        ))  # fmt: skip

    async def hold(self) -> Holding:
        claim = await self.store.claim(P, "w", 1)
        return Holding(P, claim, turn=1, at=claim.done or 0, reason="assigned")

    async def apply(self, holding: Holding, records: list[Raw]) -> Outcome:
        prepared = await self.engine.prepare([HeldChunk(holding, records, records[-1].offset + 1)])
        (outcome,) = await self.engine.write(prepared)
        return outcome


def at_partition(visitors: Sequence[VisitorId]) -> list[VisitorId]:
    records = [raw(visitor, n) for n, visitor in enumerate(visitors)]
    return list(decode_chunk(EVENTS_TOPIC, P, records).by_visitor)


def folded(records: Sequence[Raw], visitor: VisitorId) -> Any:
    state = EMPTY
    for record in decode_chunk(EVENTS_TOPIC, P, records).by_visitor[visitor]:
        state = fold(state, record)
    return state


@pytest.mark.parametrize("written", [b"garbage", b"", b"\x00" * 80, b"\x01" * 300, b"\x7f" * 5000, ["x"]])
async def test_a_state_that_nobody_can_have_written_is_set_aside_and_all_go_on(written: Any) -> None:
    world, (one, other, *_) = World(), at_partition(OTHERS)
    world.store.contents.states[P, one] = written
    records = [raw(one, 0), raw(other, 1), raw(one, 2)]
    assert (await world.apply(await world.hold(), records)).refused is None
    states = world.store.contents.states
    for visitor in (one, other):
        assert unpack(states[P, visitor]) == folded(records, visitor)
    ((entry, kept),) = world.store.contents.quarantined.values()
    assert (entry.visitor, kept) == (one, written)
    assert 'quarantined_total{kind="state"} 1' in world.metrics.render().decode()


async def test_a_state_that_newer_code_may_have_written_is_left_alone() -> None:
    world, (one, *_) = World(), at_partition(OTHERS)
    for version in (2, 16):
        newer = bytes([version]) * 80
        world.store.contents.states[P, one] = newer
        with pytest.raises(
            UnknownVersion, match=f"partition 1 holds a state of version {version}, of visitor"
        ):
            await world.apply(await world.hold(), [raw(one, 0)])
        assert world.store.contents.states[P, one] == newer
        assert not world.store.contents.quarantined


async def test_a_misplaced_layout_is_counted_and_written_over() -> None:
    world, (one, *_) = World(), at_partition(OTHERS)
    world.store.contents.layouts[P, one] = ["x"]
    world.engine._loading._bodies = True
    assert (await world.apply(await world.hold(), [raw(one, 0)])).refused is None
    assert (P, one) not in world.store.contents.layouts
    assert 'quarantined_total{kind="layout"} 1' in world.metrics.render().decode()


@pytest.mark.parametrize("flushed", [False, True])
async def test_who_lost_the_partition_sets_nothing_aside_and_is_refused(flushed: bool) -> None:
    world, (one, other, *_) = World(), at_partition(OTHERS)
    holding = await world.hold()
    if flushed:
        world.store.flush()
    else:
        await world.store.claim(P, "another", 2)
    world.store.contents.states[P, one] = b"garbage"
    outcome = await world.apply(holding, [raw(one, 0), raw(other, 1)])
    assert outcome.refused is not None
    assert world.store.contents.states == {(P, one): b"garbage"}
    assert not world.store.contents.quarantined


async def test_many_unreadable_states_halt() -> None:
    world, visitors = World(), at_partition(OTHERS)[: QUARANTINE_MAX + 1]
    for visitor in visitors:
        world.store.contents.states[P, visitor] = b"garbage"
    with pytest.raises(QuarantineFull, match="etalage visitor repair --all"):
        await world.apply(await world.hold(), [raw(visitor, n) for n, visitor in enumerate(visitors)])
    assert len(world.store.contents.quarantined) == QUARANTINE_MAX


async def test_one_process_sets_so_many_aside_and_no_more() -> None:
    world, (one, *_) = World(), at_partition(OTHERS)
    for offset in range(SET_ASIDE_MAX):
        world.store.contents.states[P, one] = b"garbage"
        await world.apply(await world.hold(), [raw(one, offset)])
        world.store.contents.quarantined.clear()  # repaired
    world.store.contents.states[P, one] = b"garbage"
    with pytest.raises(QuarantineFull, match="by this process"):
        await world.apply(await world.hold(), [raw(one, SET_ASIDE_MAX)])
    assert world.store.contents.states[P, one] == b"garbage"
