from __future__ import annotations

import asyncio
from collections.abc import Sequence

from models.visitor.state import EMPTY
from schemas.ids import Version, VisitorId
from streams.runtime.clock import ManualClock
from streams.runtime.telemetry.metrics import Metrics
from streams.workers.personalize.decider import BATCH_MAX, Decider, LiveLayoutRequest, LiveLayoutUpdate


def requests_of(n: int, lane: str = "x") -> list[LiveLayoutRequest]:
    return [
        LiveLayoutRequest(visitor=VisitorId(f"a:{lane}{i}"), state=EMPTY, version=Version(1, 0, i))
        for i in range(n)
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


async def test_lanes_that_ask_together_share_a_run_and_get_their_own() -> None:
    policy = Policy()
    decide = decider_of(policy)
    answers = await asyncio.gather(decide(requests_of(3, "p")), decide(requests_of(2, "q")))
    assert policy.runs == [5]
    assert [[v.head for v in answer if v] for answer in answers] == [
        [b"a:p0", b"a:p1", b"a:p2"],
        [b"a:q0", b"a:q1"],
    ]


async def test_no_run_is_larger_than_the_limit() -> None:
    policy = Policy()
    decide = decider_of(policy)
    await asyncio.gather(*(decide(requests_of(40)) for _ in range(4)), decide(requests_of(BATCH_MAX)))
    assert sum(policy.runs) == 4 * 40 + BATCH_MAX
    assert max(policy.runs) <= BATCH_MAX


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


async def test_a_lane_that_left_does_not_disturb_the_others() -> None:
    decide = decider_of(Policy())
    leaving = asyncio.create_task(decide(requests_of(1)))
    staying = asyncio.create_task(decide(requests_of(1, "s")))
    await asyncio.sleep(0)
    leaving.cancel()
    answer = await staying
    assert [update and update.head for update in answer] == [b"a:s0"]
