"""Background tasks: how they start beside others, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any

Task = asyncio.Task[None]


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
