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
        self._given_at = self._began_at = self._ended_at = 0.0

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
        self._taken = True
        self._given_at = self._began_at = self._clock()
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
        """Give turns to who waits longest: after some iterations, or when others had the time of a turn."""
        loop, now = asyncio.get_running_loop(), self._clock()
        others_s = (self._began_at - self._given_at) + (now - self._ended_at)
        worth = int(others_s / max(self._turn_s, 1e-6))
        if iterations and not worth:
            loop.call_soon(self._give_next, iterations - 1)
            return
        given = self._give(min(max(worth, 1), TOGETHER_MAX))
        self._taken = given > 0

    def _give(self, most: int) -> int:
        """Give turns that begin in the next iteration; returns how many."""
        turns: list[asyncio.Future[None]] = []
        while self._waiting and len(turns) < most:
            turn = self._waiting.popleft()
            if not turn.done():  # not given up meanwhile
                turns.append(turn)
        if turns:
            loop = asyncio.get_running_loop()
            self._given_at = self._clock()
            loop.call_soon(self._start)
            for turn in turns:
                turn.set_result(None)
            loop.call_soon(self._end, len(turns))
        return len(turns)
