"""Which dear work begins now, which waits for it, and which is left undone: explaining, ranking, deciding.

A request is let in before anything is decoded or read for it; so many are in work that Redis and the loop are
kept busy, and no more. The others wait, each sort in a queue of its own, and are let in by what their sort
has cost so far against its share (start-time fair queuing), so none starves. Who has waited as long as its
sort may is refused: the dearest sort waits the least and is left out first. While the first of a queue has
waited only a moment the order is that of coming; once a queue stands, the last comes first: one that came
just now is answered in time, where in order of coming all would be answered late, or hardly in time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from msgspec import Struct

from streams.runtime.telemetry.metrics import Metrics

Work = Literal["explain", "rank", "decide"]


class Sort(Struct, frozen=True, gc=False):
    """One sort of work: `at_once` may be in work, and others wait `wait_s` at most.

    While all sorts wait they get the loop in proportion to their `share`.
    """

    at_once: int
    wait_s: float
    share: float


AT_ONCE = 16
"""In work at the same time, of all sorts: a state takes a millisecond or two, in which some are decided."""

SORTS: dict[Work, Sort] = {
    "explain": Sort(at_once=4, wait_s=0.010, share=1.0),
    "rank": Sort(at_once=12, wait_s=0.030, share=2.0),
    "decide": Sort(at_once=AT_ONCE, wait_s=0.035, share=2.0),
}
"""The dearest first. What is let in after the longest wait is answered within 50 ms, the default deadline."""

WAITING_MAX = 256
"""Of one sort; one more, and the one that waits the longest is refused."""

STANDS_FROM = 0.8
"""Of its sort's wait: a queue whose first has waited for so long stands, and the last comes first."""


class Overloaded(Exception):
    """The work was not begun, or had no turn, in the time there was for it."""


class _Waiting(Struct, eq=False):
    """Its future says whether it was let in."""

    let_in: asyncio.Future[bool]
    since: float
    price: float


class Admission:
    """Constant time a request, and bounded memory; for one event loop.

    Args:
        metrics: counts what is left undone.
        at_once: how much may be in work.
    """

    def __init__(self, metrics: Metrics, at_once: int = AT_ONCE) -> None:
        self._metrics, self._at_once = metrics, at_once
        self._in_work: dict[Work, int] = dict.fromkeys(SORTS, 0)
        self._queues: dict[Work, deque[_Waiting]] = {work: deque() for work in SORTS}
        self._cost: dict[Work, float] = dict.fromkeys(SORTS, 0.0)
        """Of each sort, price through share: what was let in, or what others cost while nothing was asked."""
        self._reached = 0.0

    @asynccontextmanager
    async def hold(self, work: Work, price: float, until: float) -> AsyncIterator[None]:
        """Work in the block; it begins when the work is let in.

        Args:
            work: what sort it is.
            price: what it will cost, units (see `prices`).
            until: event loop time, s, until which it may wait; no longer than its sort allows.

        Raises:
            Overloaded: it was not let in.
        """
        if not self._has_room(work) or self._first(self._queues[work]) is not None:
            await self._wait(work, price, until)
        else:
            self._let_in(work, price)
        try:
            yield
        finally:
            self._in_work[work] -= 1
            self._let_next_in()

    async def _wait(self, work: Work, price: float, until: float) -> None:
        loop, queue = asyncio.get_running_loop(), self._queues[work]
        now = loop.time()
        if len(queue) >= WAITING_MAX:
            _answer(queue.popleft().let_in, False)
        waiting = _Waiting(loop.create_future(), now, price)
        queue.append(waiting)
        timer = loop.call_at(min(until, now + SORTS[work].wait_s), _answer, waiting.let_in, False)
        try:
            let_in = await waiting.let_in
        except asyncio.CancelledError:
            if waiting.let_in.done() and not waiting.let_in.cancelled() and waiting.let_in.result():
                self._in_work[work] -= 1
                self._let_next_in()
            raise
        finally:
            timer.cancel()
        if not let_in:
            self._metrics.count("shed_total", work=work)
            raise Overloaded

    def _has_room(self, work: Work) -> bool:
        return sum(self._in_work.values()) < self._at_once and self._in_work[work] < SORTS[work].at_once

    def _let_in(self, work: Work, price: float) -> None:
        self._in_work[work] += 1
        self._reached = max(self._cost[work], self._reached)
        self._cost[work] = self._reached + price / SORTS[work].share

    def _let_next_in(self) -> None:
        """Fill the room there is, from the sort that has cost the least for its share."""
        while asking := [work for work in SORTS if self._has_room(work) and self._first(self._queues[work])]:
            work = min(asking, key=lambda one: max(self._cost[one], self._reached))
            queue = self._queues[work]
            waited_s = asyncio.get_running_loop().time() - queue[0].since
            stands = waited_s > SORTS[work].wait_s * STANDS_FROM
            waiting = queue.pop() if stands else queue.popleft()
            if _answer(waiting.let_in, True):
                self._let_in(work, waiting.price)

    @staticmethod
    def _first(queue: deque[_Waiting]) -> _Waiting | None:
        """Who still waits the longest; those who gave up are forgotten."""
        while queue and queue[0].let_in.done():
            queue.popleft()
        return queue[0] if queue else None


def _answer(let_in: asyncio.Future[bool], value: bool) -> bool:
    """Say so, unless it was said before or nobody waits for it any more; returns whether it was said."""
    if let_in.done():
        return False
    let_in.set_result(value)
    return True
