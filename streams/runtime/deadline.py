"""A deadline that looks at what has arrived before it gives up.

When the loop was held up past a deadline, asyncio.timeout fires before the socket is read, and a store that
answered long ago is blamed. Here the loop reads its sockets once more first. It also costs half as much.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

LOOP_ITERATIONS = 2
"""Iterations of the event loop before giving up: uvloop runs what is due before it reads sockets, so the
second comes after the reading."""


class LoopFairDeadline:
    """`with LoopFairDeadline(when):` bounds what is awaited inside.

    To be entered by the task that waits, in a running loop; it may be nested and cancelled from outside.

    Args:
        when: the moment, in the loop's own time (`loop.time()`, s).

    Raises:
        TimeoutError: at the end of the block, when `when` passed and the awaited thing had not come
            even after the loop read its sockets once more.
    """

    __slots__ = ("_before", "_expired", "_handle", "_loop", "_task", "_when")

    def __init__(self, when: float) -> None:
        self._when = when
        self._expired = False

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self._task, self._before = task, task.cancelling()
        self._handle: asyncio.Handle = self._loop.call_at(self._when, self._expire, LOOP_ITERATIONS)
        return self

    def _expire(self, iterations: int) -> None:
        if iterations:
            self._handle = self._loop.call_soon(self._expire, iterations - 1)
            return
        self._expired = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._handle.cancel()
        if not self._expired:
            return
        ours_alone = self._task.uncancel() <= self._before
        if ours_alone and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from exc
