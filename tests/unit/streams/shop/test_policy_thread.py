"""Where a run of the policy is made, and for how long it is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from threading import Event, get_ident

import numpy as np
import pytest
from numpy.typing import NDArray

from models.ranking.popularity import PopularityRanker
from schemas.errors import RankerFailed
from streams.shop import build
from streams.shop.policy_thread import INLINE_ROW_US_MAX, PolicyThread, measure_row_us


class SlowRanker(PopularityRanker):
    inline = False


@pytest.fixture
def thread() -> Iterator[PolicyThread]:
    made = PolicyThread()
    yield made
    made.stop()


@pytest.mark.parametrize("ranker", [None, PopularityRanker()])
async def test_an_inline_ranker_runs_on_the_event_loop(
    thread: PolicyThread, ranker: PopularityRanker | None
) -> None:
    assert await thread.run(ranker, get_ident, until=0.0) == get_ident()


async def test_another_runs_beside_it(thread: PolicyThread) -> None:
    """The event loop turns meanwhile: here it is what lets the run end."""
    goes_on = Event()
    run = asyncio.create_task(thread.run(SlowRanker(), lambda: goes_on.wait(20) and get_ident()))
    await asyncio.sleep(0)
    goes_on.set()
    assert await run not in (False, get_ident())


async def test_runs_follow_each_other(thread: PolicyThread) -> None:
    order: list[int] = []
    await asyncio.gather(*[thread.run(SlowRanker(), lambda n=n: order.append(n)) for n in range(20)])  # type: ignore[misc]
    assert order == list(range(20))


@pytest.mark.parametrize("ranker", [PopularityRanker(), SlowRanker()])
async def test_what_the_policy_raises_is_raised(thread: PolicyThread, ranker: PopularityRanker) -> None:
    def fail() -> None:
        raise RankerFailed("no")

    with pytest.raises(RankerFailed, match="no"):
        await thread.run(ranker, fail)


async def test_a_late_run_is_given_up(thread: PolicyThread) -> None:
    """One that waits behind it is not made at all."""
    goes_on, made = Event(), list[str]()
    now = asyncio.get_running_loop().time()
    first = asyncio.create_task(thread.run(SlowRanker(), lambda: goes_on.wait(20), until=now))
    second = asyncio.create_task(thread.run(SlowRanker(), lambda: made.append("second"), until=now))
    for task in (first, second):
        with pytest.raises(TimeoutError):
            await task
    third = asyncio.create_task(thread.run(SlowRanker(), lambda: made.append("third")))
    goes_on.set()
    await third
    assert made == ["third"]


def test_a_row_has_a_cost() -> None:
    rows = []

    class Counting(PopularityRanker):
        def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
            rows.append(len(features))
            return super().score(features)

    assert measure_row_us(Counting()) >= 0
    assert set(rows) == {1000}


@pytest.mark.parametrize(("share", "inline", "warned"), [(1.1, True, 1), (0.9, True, 0), (9.0, False, 0)])
def test_an_inline_ranker_that_is_slow_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, *, share: float, inline: bool, warned: int
) -> None:
    ranker = PopularityRanker() if inline else SlowRanker()
    warnings: list[str] = []
    monkeypatch.setattr(build, "load_ranker", lambda: ranker)
    monkeypatch.setattr(build, "measure_row_us", lambda _: share * INLINE_ROW_US_MAX)
    monkeypatch.setattr(build.log, "warning", lambda event, **_: warnings.append(event))
    assert build.load_configured_ranker(None) == (ranker, "")
    assert len(warnings) == warned
