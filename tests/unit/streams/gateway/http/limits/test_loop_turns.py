"""One piece of dear work, then room for others; in the order asked for. Who cannot have one is told."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from streams.gateway.http.limits.loop_turns import (
    ITERATIONS_BETWEEN,
    LOOK_EVERY_S,
    LOOKS,
    LoopTurns,
    Overloaded,
)
from streams.runtime.tasks import cancel_and_wait
from streams.runtime.telemetry.metrics import Metrics
from tests.unit.streams.gateway.loop_iterations import count_iterations
from tests.unit.streams.gateway.virtual_time import virtual_loop

LATER = 1e9


async def test_a_free_turn_is_had_at_once() -> None:
    turns = LoopTurns(Metrics())
    taking = turns.take(0.0)
    with pytest.raises(StopIteration):
        taking.send(None)
    assert turns.busy


async def test_one_in_some_iterations_of_the_loop_in_order() -> None:
    turns, worked = LoopTurns(Metrics()), []

    async def work(name: int) -> None:
        for piece in range(3):
            await (turns.take_another() if piece else turns.take(LATER))
            worked.append((name, iterations()))

    async with count_iterations() as iterations:
        await asyncio.gather(*map(work, range(4)))
    assert [name for name, _ in worked[1:9]] == [0, 1, 2, 3] * 2
    times = [iteration for _, iteration in worked]
    assert all(later - earlier > ITERATIONS_BETWEEN for earlier, later in pairwise(times))
    for _ in range(ITERATIONS_BETWEEN + 2):
        await asyncio.sleep(0)
    assert not turns.busy


async def test_too_many_are_refused_but_not_half_way() -> None:
    turns = LoopTurns(Metrics(), waiting_max=1)
    await turns.take(LATER)
    waiting = [asyncio.create_task(turns.take_another()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await turns.take(LATER)
    await asyncio.gather(*waiting)


async def test_a_turn_that_does_not_come_in_time() -> None:
    turns = LoopTurns(Metrics())
    await turns.take(LATER)
    crowd = [asyncio.create_task(turns.take(LATER)) for _ in range(20)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await turns.take(virtual_loop().time())
    await asyncio.gather(*crowd)


async def test_who_gave_up_waiting_costs_nobody_a_turn() -> None:
    turns = LoopTurns(Metrics())
    await turns.take(LATER)
    gone, next_one = (asyncio.create_task(turns.take(LATER)) for _ in range(2))
    await asyncio.sleep(0)
    await cancel_and_wait(gone)
    await next_one


async def test_the_loop_is_late_when_it_is_so_again_and_again() -> None:
    turns, loop, seen = LoopTurns(Metrics()), virtual_loop(), []
    watching = asyncio.create_task(turns.watch_lateness())
    for held_up_s in [0.0] + [1.0] * (LOOKS - 1) + [0.0] + [1.0] * LOOKS:
        for _ in range(3):  # the watcher wakes, and falls asleep again
            await asyncio.sleep(0)
        seen.append(turns.wait_s())
        loop.advance(LOOK_EVERY_S + held_up_s)
    for _ in range(3):
        await asyncio.sleep(0)
    seen.append(turns.wait_s())
    await cancel_and_wait(watching)
    assert max(seen[:-1]) < 0.01
    assert seen[-1] > 0.5
