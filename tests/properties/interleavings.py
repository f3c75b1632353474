"""Several workers on one partition of one store, driven step by step by a tape of small numbers.

Every store call waits at a door; the tape says which one passes next and how: done, refused, done with its
answer lost, or carried out much later. Between calls workers die, others take over while the old one lives
on, and the store is restored to what it was, or flushed. What must hold is checked after each step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from models.visitor.fold import fold
from models.visitor.packing import pack, unpack
from models.visitor.state import EMPTY, VisitorState
from schemas.errors import Fenced, Regressed, StoreUnavailable
from schemas.ids import VisitorId
from streams.runtime.clock import ManualClock
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.memory import Contents, MemoryStore
from streams.stores.protocols import Claim, fresh_nonce
from streams.workers.group.ownership import Holding
from streams.workers.personalize.decider import Decider
from streams.workers.personalize.decoding import EventsTopic, decode_chunk
from streams.workers.personalize.engine import Engine, EngineConfig, EngineDependencies, Fold
from tests.properties.doors import Call, Door, Letters, Raw, alternating_policy, retry_at_once

EVENTS_TOPIC = EventsTopic("t.events.v1", 1, 7)
CHUNK = 5
WORKERS_MAX = 4


class Broken(AssertionError):
    """An invariant does not hold."""


@dataclass
class Overrides:
    """The parts that a mutant replaces."""

    store: type[MemoryStore] = MemoryStore
    engine: type[Engine] = Engine
    fold: Fold = fold


@dataclass
class World:
    """One run of a tape over a log."""

    log: Sequence[Raw]
    tape: Iterator[int]
    overrides: Overrides
    store: MemoryStore = field(init=False)
    letters: Letters = field(default_factory=Letters)
    waiting: list[Call] = field(default_factory=list)
    late: list[Call] = field(default_factory=list)
    workers: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    generation: int = 0
    kept: Contents | None = None
    seen: dict[tuple[int, VisitorId], int] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = ManualClock(self.log[-1].timestamp / 1000)
        self.store = self.overrides.store(incarnation=EVENTS_TOPIC.incarnation, clock=self.clock)

    def draw(self, below: int) -> int:
        return next(self.tape, 0) % below

    # -- workers

    def join(self) -> None:
        """A new process, in a new generation of the group: whoever owned the partition is a zombie now."""
        self.generation += 1
        self.workers[self.generation] = asyncio.create_task(self._live(self.generation))

    async def _live(self, me: int) -> None:
        store = Door(self, me)
        dependencies: Any = EngineDependencies(
            store=store, retries=retry_at_once, dead_letters=self.letters, publisher=None,  # type: ignore[arg-type]
            clock=self.clock, metrics=Metrics(), fold=self.overrides.fold,
            decider=Decider(alternating_policy, clock=self.clock, metrics=Metrics()),
        )  # fmt: skip
        config = EngineConfig(
            events_topic=EVENTS_TOPIC,
            decisions_topic="-",
            decide_within_s=30.0,
            lru_visitors=3,
            slice_visitors=2,
        )
        engine = self.overrides.engine(config, dependencies)
        while True:
            claiming = partial(store.claim, 0, f"w{me}", me, nonce=fresh_nonce())
            try:
                claim = await retry_at_once("claim", claiming)
                await self._own(engine, claim)
                return
            except Fenced:
                if me != self.generation:
                    return  # a heartbeat says: not a member any more
            except Regressed:
                pass

    async def _own(self, engine: Engine, claim: Claim) -> None:
        holding = Holding(0, claim, turn=1, at=claim.done or 0, reason="assigned")
        while holding.next < len(self.log):
            end = min(len(self.log), holding.next + 1 + self.draw(CHUNK))
            await engine.apply(holding, self.log[holding.next : end], end)
            holding.next = end
        await engine.verify(holding)

    # -- steps

    async def settle(self) -> None:
        """Until every worker waits at the door or has ended."""
        for _ in range(200):
            self.raise_defects()
            waiting = {call.worker for call in self.waiting}
            if all(task.done() or worker in waiting for worker, task in self.workers.items()):
                return
            await asyncio.sleep(0)
        raise Broken("a worker neither waits nor ends")

    def raise_defects(self) -> None:
        """A worker that fails otherwise than a mutant should is a defect of the test."""
        for task in self.workers.values():
            if task.done() and not task.cancelled() and (defect := task.exception()) is not None:
                raise defect

    async def step(self) -> None:
        actions = (self.let_pass, self.let_pass, self.let_pass, self.disturb, self.accident)
        await actions[self.draw(len(actions))]()
        await self.settle()
        self.check()

    async def let_pass(self, how: str = "ok") -> None:
        if not self.waiting:
            return
        call = self.waiting.pop(self.draw(len(self.waiting)))
        self.history.append(f"{how} w{call.worker}")
        if how == "late":
            self.late.append(call)
        if how in ("fail", "late"):
            call.answer.set_exception(StoreUnavailable("away"))
            return
        try:
            answer = await call.carry_out()
        except (Fenced, Regressed) as exc:
            self.history[-1] += f" {type(exc).__name__}"
            call.answer.set_exception(StoreUnavailable("lost") if how == "lose" else exc)
        else:
            if how == "lose":
                call.answer.set_exception(StoreUnavailable("lost"))
            else:
                call.answer.set_result(answer)

    async def disturb(self) -> None:
        await self.let_pass(("fail", "lose", "late")[self.draw(3)])

    async def accident(self) -> None:
        actions = (self.take_over, self.kill, self.keep, self.restore, self.flush, self.catch_up)
        await actions[self.draw(len(actions))]()

    async def take_over(self) -> None:
        if sum(not task.done() for task in self.workers.values()) < WORKERS_MAX:
            self.history.append("join")
            self.join()

    async def kill(self) -> None:
        """The newest process dies where it stands; another one joins."""
        self.history.append("kill")
        self.end(self.generation)
        self.join()

    def end(self, worker: int) -> None:
        self.workers[worker].cancel()
        self.waiting = [call for call in self.waiting if call.worker != worker]

    async def keep(self) -> None:
        self.history.append("keep")
        self.kept = self.store.snapshot()

    async def restore(self) -> None:
        if self.kept is not None:
            self.history.append("restore")
            self.store.restore(self.kept)
            self.seen.clear()

    async def flush(self) -> None:
        self.history.append("flush")
        self.store.flush()
        self.seen.clear()

    async def catch_up(self) -> None:
        """A write of long ago is carried out now; nobody listens."""
        if self.late:
            call = self.late.pop(self.draw(len(self.late)))
            self.history.append(f"late write of w{call.worker}")
            with suppress(Fenced, Regressed):
                await call.carry_out()

    def check(self) -> None:
        """Versions never go backwards while the store forgets nothing."""
        for key, raw in self.store.contents.states.items():
            offset = unpack(raw).offset
            if offset < self.seen.get(key, -1):
                raise Broken(f"{key} went back from {self.seen[key]} to {offset}: {self.history}")
            self.seen[key] = offset

    async def finish(self) -> None:
        """No more faults: zombies end, then one worker reads the log to its end."""
        while self.waiting:
            await self.let_pass()
            await self.settle()
            self.check()
        self.join()
        await self.settle()
        while self.waiting:
            await self.let_pass()
            await self.settle()
            self.check()


async def run(log: Sequence[Raw], tape: Iterator[int], *, steps: int, overrides: Overrides) -> World:
    """Play the tape; Broken when an invariant fails on the way or at the end."""
    world = World(log, tape, overrides)
    world.join()
    await world.settle()
    try:
        for _ in range(steps):
            await world.step()
        await world.finish()
    finally:
        for task in world.workers.values():
            task.cancel()
        await asyncio.gather(*world.workers.values(), return_exceptions=True)
    compare(world)
    return world


def compare(world: World) -> None:
    """The store against the pure fold of the log."""
    truth, bad = oracle(world.log)
    stored = {visitor: raw for (_, visitor), raw in world.store.contents.states.items()}
    if stored != {visitor: pack(state) for visitor, state in truth.items()}:
        wrong = [v for v in truth if stored.get(v) != pack(truth[v])]
        raise Broken(f"states of {wrong} are not the fold of the log: {world.history}")
    if world.letters.offsets != bad:
        raise Broken(f"buried {world.letters.offsets}, should be {bad}: {world.history}")
    if world.store.contents.own[0].done != len(world.log):
        raise Broken(f"the log was not read to its end: {world.history}")
    for (_, visitor), (head, _body) in world.store.contents.layouts.items():
        if head != f"7.0.{truth[visitor].offset}".encode():
            raise Broken(f"the layout of {visitor} is of {head!r}: {world.history}")


def oracle(log: Sequence[Raw]) -> tuple[dict[VisitorId, VisitorState], set[int]]:
    """States and buried offsets that the log alone says."""
    decoded = decode_chunk(EVENTS_TOPIC, 0, log)
    states = {}
    for visitor, records in decoded.by_visitor.items():
        state = EMPTY
        for record in records:
            state = fold(state, record)
        states[visitor] = state
    return states, {letter.offset for letter in decoded.letters}
