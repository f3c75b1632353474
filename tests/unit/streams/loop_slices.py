"""How long the loop was held up: the longest slice of this thread's own CPU time between two of its turns.

CPU time, so that a busy machine is not taken for a held-up loop.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Slices:
    def __init__(self) -> None:
        self.longest_s = 0.0

    async def watch(self) -> None:
        """Turn with the loop until cancelled."""
        before = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            self.longest_s = max(self.longest_s, now - before)
            before = now


@asynccontextmanager
async def watched_slices() -> AsyncIterator[Slices]:
    slices = Slices()
    gc.collect()
    gc.disable()  # the heap of a test run is not that of a gateway, which freezes what lives long
    watching = asyncio.create_task(slices.watch())
    await asyncio.sleep(0)
    try:
        yield slices
    finally:
        await asyncio.sleep(0)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        gc.enable()
