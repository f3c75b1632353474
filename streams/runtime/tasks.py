"""Background tasks: how they start beside others, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any

from streams.runtime.clock import Clock

Task = asyncio.Task[None]

HOLD_LOOP_S = 0.001
"""A turn given away costs 30 to 60 µs; others wait for theirs: Redis' answers, requests, heartbeats."""


def ignore_result(future: asyncio.Future[Any]) -> None:
    """Retrieve the exception of a future nobody awaits any more; asyncio logs it as an error otherwise."""
    if not future.cancelled():
        future.exception()


async def cancel_and_wait(task: Task | None) -> bool:
    """Cancel a task and wait until it is over.

    Returns:
        Whether there was a task.

    Raises:
        Exception: what the task had failed with.
    """
    if task is None:
        return False
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return True


def run_in_background(stack: AsyncExitStack, work: Coroutine[None, None, None], name: str) -> None:
    """Run `work` as a task until `stack` closes, which raises what it failed with meanwhile."""
    stack.push_async_callback(cancel_and_wait, asyncio.create_task(work, name=name))


class LoopSharing:
    """Lets other tasks of the event loop run when one with much to compute has held it for `longest_s`."""

    def __init__(self, clock: Clock, longest_s: float = HOLD_LOOP_S) -> None:
        self._clock, self._longest_s = clock, longest_s
        self._since = clock.monotonic()

    async def pause_when_due(self) -> None:
        """To be called between two pieces of work, none of which takes much longer than `longest_s`."""
        if self._clock.monotonic() - self._since >= self._longest_s:
            await asyncio.sleep(0)
            self._since = self._clock.monotonic()
