"""Turns at the event loop, for the work of requests that costs a millisecond: deciding, ranking, explaining.

One piece of such work runs, whosever it is, and then none for some iterations of the loop. So a cheap request
waits for one or two pieces on its whole way, however many dear requests there are. Iterations are long when
cheap requests alone fill the loop: then pieces get as much time as these had, or they would starve.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter

from streams.gateway.http.limits.admission import Overloaded
from streams.runtime.deadline import LoopFairDeadline

WAITING_MAX = 128
"""Requests that may wait for their first turn: with pieces of a millisecond the last waits 0.13 s."""

ITERATIONS_BETWEEN = 3
"""Iterations of the event loop without such work after each piece: in so many a stored page comes from its
socket to Redis. When nothing is to be done in them they take microseconds."""

SMOOTHED_OVER = 16
"""Turns over which the time of one is averaged."""

TURN_S = 0.0005
"""What a turn takes until some were measured."""

TURN_MAX_S = 0.010
"""What a turn counts for at most: one that took longer was interrupted by another process."""

TOGETHER_MAX = 16
"""Turns given in one iteration at most."""


class LoopTurns:
    """Gives turns in the order they were asked for; who has a turn works at once, and waits for nothing.

    Args:
        waiting_max: how many may wait before others are refused.
        clock: seconds; the event loop's own has whole milliseconds.
    """

    def __init__(self, waiting_max: int = WAITING_MAX, clock: Callable[[], float] = perf_counter) -> None:
        self._waiting_max, self._clock = waiting_max, clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._taken = False
        self._turn_s = TURN_S
        self._began_at = self._ended_at = 0.0

    @property
    def busy(self) -> bool:
        """Whether a turn asked for now would have to be waited for."""
        return self._taken

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
        self._taken, self._began_at = True, self._clock()
        asyncio.get_running_loop().call_soon(self._end, 1)

    async def _wait(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def _start(self) -> None:
        """The turns just given begin."""
        self._began_at = self._clock()

    def _end(self, turns: int) -> None:
        """So many turns, one after another, have ended."""
        self._ended_at = self._clock()
        took_s = min((self._ended_at - self._began_at) / turns, TURN_MAX_S)
        self._turn_s += (took_s - self._turn_s) / SMOOTHED_OVER
        asyncio.get_running_loop().call_soon(self._give_next, ITERATIONS_BETWEEN - 1)

    def _give_next(self, iterations: int) -> None:
        """Give turns to who waits longest, after so many iterations of the loop, or as much time as turns had."""
        others_had = int((self._clock() - self._ended_at) / max(self._turn_s, 1e-6))
        if iterations and not others_had:
            asyncio.get_running_loop().call_soon(self._give_next, iterations - 1)
            return
        loop = asyncio.get_running_loop()
        turns = [
            turn for _ in range(min(max(others_had, 1), TOGETHER_MAX)) if (turn := self._next()) is not None
        ]
        if not turns:
            self._taken = False
            return
        loop.call_soon(self._start)
        for turn in turns:
            turn.set_result(None)
        loop.call_soon(self._end, len(turns))

    def _next(self) -> asyncio.Future[None] | None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # not given up meanwhile
                return turn
        return None
