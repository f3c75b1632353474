"""One piece of dear work, then room for others; in the order asked for. Who cannot have one is told."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from streams.gateway.http.limits.admission import Overloaded
from streams.gateway.http.limits.loop_turns import ITERATIONS_BETWEEN, LoopTurns
from streams.runtime.tasks import cancel_and_wait
from tests.unit.streams.gateway.loop_iterations import count_iterations
from tests.unit.streams.gateway.virtual_time import virtual_loop

LATER = 1e9


def still() -> float:
    """A clock by which nothing takes time, so that iterations alone count."""
    return 0.0


async def test_a_free_turn_is_had_at_once() -> None:
    turns = LoopTurns(clock=still)
    taking = turns.take(0.0)
    with pytest.raises(StopIteration):
        taking.send(None)
    assert turns.busy


async def test_one_in_some_iterations_of_the_loop_in_order() -> None:
    turns, worked = LoopTurns(clock=still), []

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
    turns = LoopTurns(waiting_max=1, clock=still)
    await turns.take(LATER)
    waiting = [asyncio.create_task(turns.take_another()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await turns.take(LATER)
    await asyncio.gather(*waiting)


async def test_a_turn_that_does_not_come_in_time() -> None:
    turns = LoopTurns(clock=still)
    await turns.take(LATER)
    crowd = [asyncio.create_task(turns.take(LATER)) for _ in range(20)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await turns.take(virtual_loop().time())
    await asyncio.gather(*crowd)


async def test_who_gave_up_waiting_costs_nobody_a_turn() -> None:
    turns = LoopTurns(clock=still)
    await turns.take(LATER)
    gone, next_one = (asyncio.create_task(turns.take(LATER)) for _ in range(2))
    await asyncio.sleep(0)
    await cancel_and_wait(gone)
    await next_one


async def test_when_others_fill_the_loop_turns_have_as_much_time_as_they() -> None:
    loop = virtual_loop()
    turns, busy = LoopTurns(clock=loop.time), True
    time_s = {"turns": 0.0, "others": 0.0}

    async def work() -> None:
        await turns.take(LATER)
        loop.advance(0.001)
        time_s["turns"] += 0.001

    async def fill() -> None:
        while busy:
            loop.advance(0.008)
            time_s["others"] += 0.008
            await asyncio.sleep(0)

    filling = asyncio.create_task(fill())
    await asyncio.gather(*(work() for _ in range(100)))
    busy = False
    await filling
    assert 0.3 < time_s["turns"] / sum(time_s.values()) <= 0.55
