"""Several workers on the partitions of one store, driven step by step by a tape of small numbers.

Records reach workers in rounds when the tape says so, more than one before the first is written. Every call
of store and dead letters waits at a door; the tape says which one passes next and how: done, refused, done
with its answer lost, or carried out much later. In between workers die, partitions move while the old owner
lives on and reads on, chunks are lost, and the store is restored to what it was, or flushed. What must hold
is checked after each step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from schemas.errors import Fenced, Regressed, StoreUnavailable
from schemas.ids import VisitorId
from streams.runtime.clock import ManualClock
from streams.stores.memory import Contents
from streams.stores.protocols import SliceWrite
from tests.properties.doors import Busy, Call, Door, Raw
from tests.properties.invariants import Broken, check, compare, oracle
from tests.properties.worker import EVENTS_TOPIC, PARTITIONS, Overrides, Worker

CHUNK = 4
WORKERS_MAX = 4
TURNS_MAX = 2000


@dataclass
class World:
    """One run of a tape over the logs of all partitions."""

    logs: Sequence[Sequence[Raw]]
    tape: Iterator[int]
    overrides: Overrides
    waiting: list[Call] = field(default_factory=list)
    late: list[Call] = field(default_factory=list)
    buried: set[tuple[int, int]] = field(default_factory=set)
    alive: dict[int, Worker] = field(default_factory=dict)
    joined: int = 0
    generation: int = 0
    kept: Contents | None = None
    seen: dict[tuple[int, VisitorId], int] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        newest = max(log[-1].timestamp for log in self.logs if log)
        self.clock = ManualClock(newest / 1000)
        self.store = self.overrides.store(incarnation=EVENTS_TOPIC.incarnation, clock=self.clock)
        self.truth = [oracle(partition, log) for partition, log in enumerate(self.logs)]
        self.reached = [0] * len(self.logs)

    def draw(self, below: int) -> int:
        return next(self.tape, 0) % below

    def draw_worker(self) -> Worker | None:
        workers = list(self.alive.values())
        return workers[self.draw(len(workers))] if workers else None

    # -- the group

    def join(self) -> None:
        self.joined += 1
        self.alive[self.joined] = Worker(
            self.joined, Door(self, self.joined), self.logs, self.clock, self.overrides
        )

    def rebalance(self, hear: Callable[[], bool]) -> None:
        """Partitions move; who does not hear of it goes on as a zombie."""
        self.generation += 1
        members = [worker for worker in self.alive.values() if hear()]
        if not members:
            self.join()
            members = [self.alive[self.joined]]
        given: dict[int, set[int]] = {worker.number: set() for worker in members}
        for partition in range(PARTITIONS):
            given[members[self.draw(len(members))].number].add(partition)
        for worker in members:
            worker.leave()
            worker.promised = frozenset(given[worker.number]), self.generation
        for worker in set(self.alive.values()) - set(members):
            worker.log.is_member.clear()
        self.note(f"generation {self.generation}: {given}")

    def end(self, worker: Worker) -> None:
        """It never gets another answer."""
        del self.alive[worker.number]
        self.waiting = [call for call in self.waiting if call.worker != worker.number]

    def note(self, text: str) -> None:
        self.history.append(text)

    # -- steps

    async def settle(self) -> None:
        """Until nothing can go on by itself."""
        loop: Any = asyncio.get_running_loop()
        for _ in range(TURNS_MAX):
            await asyncio.sleep(0)
            if not loop._ready:
                break
        else:
            raise Broken(f"no rest: {self.history}")
        for worker in list(self.alive.values()):
            if worker.halted is not None:
                self.note(f"w{worker.number} halts: {worker.halted!r}")
                self.end(worker)
                if not isinstance(worker.halted, Fenced):
                    raise worker.halted

    async def step(self) -> None:
        actions = (
            self.let_pass, self.let_pass, self.let_pass, self.deliver, self.deliver,
            self.enter, self.disturb, self.accident,
        )  # fmt: skip
        await actions[self.draw(len(actions))]()
        await self.settle()
        check(self)

    async def deliver(self) -> None:
        worker = self.draw_worker()
        if worker is not None and await worker.deliver(lambda: self.draw(CHUNK + 1)):
            self.note(f"round for w{worker.number}")

    async def enter(self) -> None:
        worker = self.draw_worker()
        if worker is not None:
            worker.enter()

    async def let_pass(self, how: str = "ok") -> None:
        if not self.waiting:
            return
        call = self.waiting.pop(self.draw(len(self.waiting)))
        how = "ok" if call.safe else how
        self.note(f"{how} w{call.worker}")
        if how == "late":
            self.late.append(call)
        if how in ("fail", "late", "busy"):
            return call.fail(Busy("busy") if how == "busy" else StoreUnavailable("away"))
        try:
            answer = await call.carry_out()
        except (Fenced, Regressed) as exc:
            self.history[-1] += f" {type(exc).__name__}"
            return call.fail(StoreUnavailable("lost") if how == "lose" else exc)
        return call.fail(StoreUnavailable("lost")) if how == "lose" else call.succeed(answer)

    def strand(self, worker: int, writes: Sequence[SliceWrite]) -> None:
        """Some of the first of them may still be carried out, in their order: Redis had them already."""
        for write in writes[: self.draw(3)]:
            nobody: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self.late.append(Call(worker, partial(self.store.write, write), nobody))

    async def disturb(self) -> None:
        await self.let_pass(("fail", "lose", "late", "busy")[self.draw(4)])

    async def accident(self) -> None:
        actions = (
            self.move, self.kill, self.wake, self.keep, self.restore, self.flush, self.catch_up,
            self.verify, self.lose_chunk,
        )  # fmt: skip
        await actions[self.draw(len(actions))]()

    async def move(self) -> None:
        if len(self.alive) < WORKERS_MAX and self.draw(2):
            self.join()
        self.rebalance(lambda: self.draw(3) > 0)

    async def kill(self) -> None:
        worker = self.draw_worker()
        if worker is not None:
            self.note(f"kill w{worker.number}")
            self.end(worker)
        self.join()
        self.rebalance(lambda: True)

    async def wake(self) -> None:
        """A zombie is told that it has nothing any more."""
        worker = self.draw_worker()
        if worker is not None and not worker.log.is_member.is_set() and worker.promised is None:
            worker.leave()

    async def keep(self) -> None:
        self.note("keep")
        self.kept = self.store.snapshot()

    async def restore(self) -> None:
        if self.kept is not None:
            self.note("restore")
            self.store.restore(self.kept)
            self.seen.clear()

    async def flush(self) -> None:
        """What was kept goes too: a store may go back, and not back and forth between a load and a write."""
        self.note("flush")
        self.store.flush()
        self.kept = None
        self.seen.clear()

    async def catch_up(self) -> None:
        """A write of long ago is carried out now; nobody listens."""
        if self.late:
            call = self.late.pop(self.draw(len(self.late)))
            self.note(f"late call of w{call.worker}")
            with suppress(Fenced, Regressed):
                await call.carry_out()

    async def verify(self) -> None:
        worker = self.draw_worker()
        if worker is not None:
            worker.rounds.verify_idle()

    async def lose_chunk(self) -> None:
        worker = self.draw_worker()
        if worker is not None:
            worker.lose_chunk(self.draw(PARTITIONS))

    # -- the end

    async def finish(self) -> None:
        """No more faults: partitions move once more, zombies end, and the logs are read to their ends."""
        await self.drain()
        for worker in list(self.alive.values()):
            self.end(worker)
        self.join()
        self.rebalance(lambda: True)
        last = self.alive[self.joined]
        last.enter()
        await self.drain()
        for _ in range(sum(map(len, self.logs)) + 1):
            await last.deliver(lambda: CHUNK)
            await self.drain()
            if last.halted is not None:
                raise Broken(f"the last worker halted: {self.history}")
        if any(one.outcome != "acked" for one in last.delivered):
            raise Broken(f"not all was acknowledged: {self.history}")

    async def drain(self) -> None:
        await self.settle()
        while self.waiting:
            await self.let_pass()
            await self.settle()
            check(self)


async def run(
    logs: Sequence[Sequence[Raw]], tape: Iterator[int], *, steps: int, overrides: Overrides
) -> World:
    """Play the tape; Broken when an invariant fails on the way or at the end."""
    world = World(logs, tape, overrides)
    world.join()
    world.rebalance(lambda: True)
    world.alive[1].enter()
    await world.settle()
    for _ in range(steps):
        await world.step()
    await world.finish()
    compare(world)
    return world
