"""Counting the iterations of the event loop, to see that work is spread over them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from streams.runtime.tasks import cancel_and_wait


@asynccontextmanager
async def count_iterations() -> AsyncIterator[Callable[[], int]]:
    """How many iterations the loop has made since the block began."""
    iterations = 0

    async def count() -> None:
        nonlocal iterations
        while True:
            iterations += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    try:
        yield lambda: iterations
    finally:
        await cancel_and_wait(counting)
