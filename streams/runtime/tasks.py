"""Tasks that run beside others, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any

Task = asyncio.Task[None]


def ignore_result(future: asyncio.Future[Any]) -> None:
    """Take the exception of a future that nobody waits for any more, so that the loop does not complain."""
    if not future.cancelled():
        future.exception()


async def cancel_and_wait(task: Task | None) -> bool:
    """Cancel a task and wait until it is over; whether there was one. What it failed with is raised."""
    if task is None:
        return False
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return True


def run_in_background(stack: AsyncExitStack, work: Coroutine[None, None, None], name: str) -> None:
    """Run until `stack` closes."""
    stack.push_async_callback(cancel_and_wait, asyncio.create_task(work, name=name))
