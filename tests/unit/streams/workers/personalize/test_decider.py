from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from models.ranking.popularity import PopularityRanker
from schemas.ids import Version, VisitorId
from streams.runtime.clock import ManualClock
from streams.runtime.tasks import HOLD_LOOP_S
from streams.runtime.telemetry.metrics import Metrics
from streams.shop.policy_thread import PolicyThread
from streams.workers.personalize.decider import BATCH_MAX, Decider, LiveLayoutRequest, LiveLayoutUpdate


def requests_of(n: int) -> list[LiveLayoutRequest]:
    return [
        LiveLayoutRequest(visitor=VisitorId(f"a:x{i}"), state=b"", version=Version(1, 0, i)) for i in range(n)
    ]


class Policy:
    """Remembers the size of each run; says each visitor's name."""

    def __init__(self) -> None:
        self.runs: list[int] = []

    def __call__(self, requests: Sequence[LiveLayoutRequest], at: float) -> list[LiveLayoutUpdate]:
        self.runs.append(len(requests))
        return [LiveLayoutUpdate(head=one.visitor.encode(), body=None, fills=None) for one in requests]


def decider_of(policy: Policy) -> Decider:
    return Decider(policy, clock=ManualClock(), metrics=Metrics())


async def test_each_gets_its_own_and_no_run_is_larger_than_the_limit() -> None:
    policy = Policy()
    requests = requests_of(2 * BATCH_MAX + 3)
    updates = await decider_of(policy)(requests)
    assert policy.runs == [BATCH_MAX, BATCH_MAX, 3]
    assert [update.head.decode() for update in updates if update] == [one.visitor for one in requests]


async def test_other_tasks_run_between_long_runs() -> None:
    clock, turns = ManualClock(), []

    def slow(requests: Sequence[LiveLayoutRequest], at: float) -> list[LiveLayoutUpdate]:
        turns.append("run")
        clock.advance(HOLD_LOOP_S)
        return Policy()(requests, at)

    async def other() -> None:
        turns.append("other")

    waiting = asyncio.create_task(other())
    await Decider(slow, clock=clock, metrics=Metrics())(requests_of(2 * BATCH_MAX))
    assert turns == ["run", "other", "run"]
    await waiting


async def test_a_policy_that_fails_gives_no_layout_and_no_error() -> None:
    def broken(requests: Sequence[LiveLayoutRequest], at: float) -> list[LiveLayoutUpdate]:
        raise ZeroDivisionError

    decide = Decider(broken, clock=ManualClock(), metrics=Metrics())
    assert await decide(requests_of(2)) == [None, None]
    assert await decide(requests_of(1)) == [None]


async def test_one_visitors_defect_is_nobody_elses() -> None:
    policy = Policy()

    def choosy(requests: Sequence[LiveLayoutRequest], at: float) -> Sequence[LiveLayoutUpdate]:
        if any(one.visitor == "a:x1" for one in requests):
            raise ZeroDivisionError
        return policy(requests, at)

    decide = Decider(choosy, clock=ManualClock(), metrics=Metrics())
    answer = await decide(requests_of(3))
    assert [update is None for update in answer] == [False, True, False]


async def test_a_ranker_that_is_slow_holds_the_thread_and_not_the_loop() -> None:
    class Trees(PopularityRanker):
        inline = False

    loop_went_on = threading.Event()
    policy = Policy()

    def slow(requests: Sequence[LiveLayoutRequest], at: float) -> list[LiveLayoutUpdate]:
        assert loop_went_on.wait(30)
        return policy(requests, at)

    thread = PolicyThread()
    decide = Decider(slow, run=lambda run: thread.run(Trees(), run), clock=ManualClock(), metrics=Metrics())
    deciding = asyncio.create_task(decide(requests_of(2)))
    await asyncio.sleep(0)
    loop_went_on.set()
    assert [update is None for update in await deciding] == [False, False]
    thread.stop()
