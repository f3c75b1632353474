"""What is done in an overload, by a model: work takes virtual time, requests come whatever became of some.

Each request costs the server the HTTP around it, and one that is let in the work as well. Connections are
bounded, as of a proxy; a request that finds none free is not sent.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest
from msgspec import Struct

from streams.gateway.http.limits.admission import SORTS, Admission, Overloaded, Work
from streams.gateway.http.limits.loop_turns import LoopTurns
from streams.gateway.layouts.rank import REFUSED_AFTER_S
from streams.runtime.telemetry.metrics import Metrics
from tests.unit.streams.gateway.virtual_time import virtual_loop

HTTP_S = 0.000_1
"""Of each request, its refusal included."""
WORK_S: dict[Work, float] = {"explain": 0.002, "rank": 0.000_45, "decide": 0.000_35}
DEADLINE_S = 0.05
SECONDS = 1.0


class Seen(Struct):
    times_s: dict[Work, list[float]] = {}
    refused: dict[Work, int] = {}

    def good_s(self) -> float:
        """Time worth of good answers, a second."""
        return sum(len(times) * (HTTP_S + WORK_S[work]) for work, times in self.times_s.items()) / SECONDS


class Server:
    def __init__(self) -> None:
        self._admission, self._turns = Admission(Metrics()), LoopTurns(clock=virtual_loop().time)
        self.seen = Seen(defaultdict(list), defaultdict(int))

    async def answer(self, work: Work, due: float) -> None:
        loop = virtual_loop()
        loop.advance(HTTP_S)
        until = loop.time() + DEADLINE_S
        try:
            async with self._admission.hold(work, WORK_S[work] * 1e4, until):
                await asyncio.sleep(0.001)  # Redis
                await self._turns.take(until + 0.2)
                loop.advance(WORK_S[work])
        except Overloaded:
            self.seen.refused[work] += 1
            if work == "rank":
                await asyncio.sleep(REFUSED_AFTER_S)
        else:
            self.seen.times_s[work].append(loop.time() - due)


async def drive(works: list[Work], times: float, connections: int) -> Seen:
    """Requests of those sorts in turn, at so many times what the server can do."""
    loop, server = virtual_loop(), Server()
    rate = times * len(works) / sum(HTTP_S + WORK_S[work] for work in works)
    open_now = set[asyncio.Task[None]]()
    began, made = loop.time(), 0
    while loop.time() - began < SECONDS:
        while made < (loop.time() - began) * rate:
            if len(open_now) < connections:
                task = asyncio.create_task(server.answer(works[made % len(works)], began + made / rate))
                open_now.add(task)
                task.add_done_callback(open_now.discard)
            made += 1
        await asyncio.sleep(0)
        loop.advance(0.000_01)
    for task in open_now:
        task.cancel()
    await asyncio.gather(*open_now, return_exceptions=True)
    return server.seen


@pytest.mark.parametrize(
    ("works", "connections"),
    [(["rank"], 96), (["decide"], 64), (["rank", "decide"], 96)],
    ids=["lists", "pages", "lists and pages"],
)
async def test_at_five_times_the_peak_nearly_as_much_is_done(works: list[Work], connections: int) -> None:
    peak = await drive(works, 5, connections=8)
    assert not any(peak.refused.values())
    much = await drive(works, 5, connections)
    assert much.good_s() >= 0.9 * peak.good_s()
    for work in works:
        times = sorted(much.times_s[work])
        assert times[int(0.99 * len(times))] < DEADLINE_S


async def test_in_a_crowd_the_dearest_is_left_out_most_and_nothing_starves() -> None:
    works: list[Work] = ["explain", "rank", "decide"]
    seen = await drive(works, 5, connections=500)
    done = {work: len(times) for work, times in seen.times_s.items()}
    served = {work: done[work] / (done[work] + seen.refused[work]) for work in works}
    assert served["explain"] < served["rank"]
    assert served["explain"] < served["decide"]
    worth = [done[work] * WORK_S[work] / SORTS[work].share for work in works]
    assert min(worth) > 0.3 * max(worth)


async def test_with_room_nothing_is_refused() -> None:
    seen = await drive(["explain", "rank", "decide"], 0.8, connections=500)
    assert not any(seen.refused.values())
