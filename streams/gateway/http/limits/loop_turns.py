"""Turns at the event loop, for the work of requests that costs a millisecond: deciding, ranking, explaining.

One piece of such work runs, whosever it is, and then none for some iterations of the loop. So a cheap request
waits for one or two pieces on its whole way, however many dear requests there are.
"""

from __future__ import annotations

import asyncio
from collections import deque

from streams.gateway.http.limits.load_shedding import LoadShedding, Work
from streams.runtime.deadline import LoopFairDeadline
from streams.runtime.telemetry.metrics import Metrics

WAITING_MAX = 128
"""Requests that may wait for their first turn: with pieces of a millisecond the last waits 0.13 s."""

ITERATIONS_BETWEEN = 3
"""Iterations of the event loop without such work after each piece: in so many a stored page comes from its
socket to Redis. When nothing is to be done in them they take microseconds."""

SMOOTHED_OVER = 16
"""Turns over which the time of one is averaged."""

TURN_MAX_S = 0.010
"""What a turn counts for at most: one that took longer was interrupted by another process."""

LOOK_EVERY_S = 0.05
"""Between looks at how late the loop is, for work that takes no turns."""

LOOKS = 4
"""The loop is as late as it was at least in so many looks: others' work on the machine comes and goes."""


class Overloaded(Exception):
    """No turn came in time, or too many wait for one already."""


class LoopTurns:
    """Gives turns in the order they were asked for; who has a turn works at once, and waits for nothing.

    Args:
        metrics: counts what is shed.
        waiting_max: how many may wait before others are refused.
    """

    def __init__(self, metrics: Metrics, waiting_max: int = WAITING_MAX) -> None:
        self._metrics, self._waiting_max = metrics, waiting_max
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._taken = False
        self._turn_s = self._given_at = self._late_s = 0.0
        self._late_last_s = deque[float](maxlen=LOOKS)
        self._shedding = LoadShedding(self.wait_s)

    @property
    def busy(self) -> bool:
        """Whether a turn asked for now would have to be waited for."""
        return self._taken

    def wait_s(self) -> float:
        """How long who asks now will wait: as many turns as others wait for, or what the loop is late, s."""
        return max(len(self._waiting) * self._turn_s, self._late_s)

    def sheds(self, work: Work) -> bool:
        """Whether the gateway has too much to do for work of that sort, which is then counted as not done."""
        if not self._shedding.sheds(work):
            return False
        self._metrics.count("shed_total", work=work)
        return True

    async def watch_lateness(self) -> None:
        """For ever: look how late the loop wakes a sleeper."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + LOOK_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)
            self._late_last_s.append(clock() - due)
            self._late_s = min(self._late_last_s) if len(self._late_last_s) == LOOKS else 0.0

    async def take(self, until: float) -> None:
        """Return when it is the caller's turn: at once, when nobody had one in the last iterations.

        Args:
            until: event loop time, s; a free turn is given after it too.

        Raises:
            Overloaded: `until` passed, or too many wait.
        """
        if not self._taken:
            return self._begin()
        if len(self._waiting) >= self._waiting_max:
            raise Overloaded
        try:
            with LoopFairDeadline(until):
                await self._wait()
        except TimeoutError:
            raise Overloaded from None

    async def take_another(self) -> None:
        """Return when it is the turn again of a caller who had one before: it is not refused half-way."""
        if not self._taken:
            return self._begin()
        await self._wait()

    def _begin(self) -> None:
        self._taken, self._given_at = True, asyncio.get_running_loop().time()
        asyncio.get_running_loop().call_soon(self._give_next, ITERATIONS_BETWEEN)

    async def _wait(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def _give_next(self, iterations: int) -> None:
        """Give a turn to who waits longest, after so many iterations of the loop."""
        if iterations:
            asyncio.get_running_loop().call_soon(self._give_next, iterations - 1)
            return
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # not given up meanwhile
                turn.set_result(None)
                took_s = asyncio.get_running_loop().time() - self._given_at
                self._turn_s += (min(took_s, TURN_MAX_S) - self._turn_s) / SMOOTHED_OVER
                return self._begin()
        self._taken = False
