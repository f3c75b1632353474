"""So much dear work at once; who waits is let in by share and in order, or refused when its time is over."""

from __future__ import annotations

import asyncio

import pytest

from streams.gateway.http.limits import admission
from streams.gateway.http.limits.admission import SORTS, STANDS_FROM, Admission, Overloaded, Work
from streams.runtime.tasks import cancel_and_wait
from streams.runtime.telemetry.metrics import Metrics
from tests.unit.streams.gateway.virtual_time import virtual_loop

LATER = 1e9


class Desk:
    """Requests that hold their place until they are told to finish."""

    def __init__(self, at_once: int = 1) -> None:
        self.metrics = Metrics()
        self.admission = Admission(self.metrics, at_once)
        self.begun: list[str] = []
        self.refused: dict[str, float] = {}
        self._done: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, name: str, work: Work = "rank", *, price: float = 1.0, until: float = LATER) -> None:
        """Ask, and let the loop turn until nothing more happens."""
        self._done[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._hold(name, work, price, until))
        await self.settle()

    async def finish(self, name: str) -> None:
        self._done[name].set()
        await self.settle()

    async def close(self) -> None:
        """Cancel whoever is here."""
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def _hold(self, name: str, work: Work, price: float, until: float) -> None:
        try:
            async with self.admission.hold(work, price, until):
                self.begun.append(name)
                await self._done[name].wait()
        except Overloaded:
            self.refused[name] = virtual_loop().time()


async def test_the_next_begins_when_one_ends_in_the_order_asked_for() -> None:
    desk = Desk()
    for name in "abc":
        await desk.ask(name)
    assert desk.begun == ["a"]
    await desk.finish("a")
    assert desk.begun == ["a", "b"]
    await desk.finish("b")
    await desk.finish("c")
    assert desk.begun == ["a", "b", "c"]


async def test_the_last_comes_first_once_the_queue_stands() -> None:
    desk = Desk()
    for name in "abc":
        await desk.ask(name)
    virtual_loop().advance(SORTS["rank"].wait_s * (STANDS_FROM + 0.1))
    await desk.ask("d")
    await desk.finish("a")
    assert desk.begun == ["a", "d"]
    await desk.finish("d")
    assert desk.begun == ["a", "d", "c"]
    await desk.close()


@pytest.mark.parametrize("work", SORTS)
async def test_who_waited_too_long_is_refused_and_counted(work: Work) -> None:
    desk, loop = Desk(), virtual_loop()
    await desk.ask("a", work)
    asked = loop.time()
    await desk.ask("waits", work)
    await desk.ask("has no time", work, until=asked + 0.005)
    await asyncio.sleep(1)
    assert desk.refused == pytest.approx({"waits": asked + SORTS[work].wait_s, "has no time": asked + 0.005})
    assert f'etalage_shed_total{{work="{work}"}} 2.0' in desk.metrics.render().decode()
    await desk.finish("a")
    await desk.ask("b", work)
    assert desk.begun == ["a", "b"]
    await desk.finish("b")


def test_the_dearest_waits_the_least() -> None:
    waits = [sort.wait_s for sort in SORTS.values()]
    assert list(SORTS) == ["explain", "rank", "decide"]
    assert waits == sorted(set(waits))


async def test_sorts_share_by_what_they_cost() -> None:
    desk = Desk()
    await desk.ask("first")
    for n in range(12):
        await desk.ask(f"rank {n}", "rank", price=2.0)
        await desk.ask(f"decide {n}", "decide", price=1.0)
    await desk.finish("first")
    while len(desk.begun) < 13:
        await desk.finish(desk.begun[-1])
    ranked = sum(name.startswith("rank") for name in desk.begun[1:])
    assert ranked * 2.0 == pytest.approx((12 - ranked) * 1.0, abs=2.0)
    await desk.close()


async def test_a_dear_sort_leaves_room_for_the_others() -> None:
    desk, most = Desk(at_once=admission.AT_ONCE), SORTS["explain"].at_once
    for n in range(most + 1):
        await desk.ask(f"explain {n}", "explain")
    assert len(desk.begun) == most
    await desk.ask("page", "decide")
    assert desk.begun[-1] == "page"
    await desk.close()


async def test_so_many_wait_and_the_longest_waiting_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "WAITING_MAX", 2)
    desk = Desk()
    for name in "abcd":
        await desk.ask(name)
    assert set(desk.refused) == {"b"}
    await desk.close()


async def test_who_left_costs_nobody_a_place() -> None:
    desk = Desk()
    for name in "abc":
        await desk.ask(name)
    await cancel_and_wait(desk.tasks["b"])
    await desk.finish("a")
    assert desk.begun == ["a", "c"]
    await desk.ask("d")
    desk._done["c"].set()
    for _ in range(2):  # d is let in, and cancelled before it knows
        await asyncio.sleep(0)
    await cancel_and_wait(desk.tasks["d"])
    await desk.ask("e")
    assert "e" in desk.begun
    await desk.close()
