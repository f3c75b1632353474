"""Where the policy runs: on the event loop, or in a thread when its ranker would hold the loop up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import thread_time
from typing import TypeVar

import numpy as np

from models.features.spec import NAMES
from models.ranking.ranker import Ranker

T = TypeVar("T")

INLINE_ROW_US_MAX = 1.0
"""CPU of a row of an inline ranker: a run of 64 visitors, some 9,000 rows, is then 9 ms."""
_ROWS, _RUNS = 1000, 5


class PolicyThread:
    """Runs the policy where its ranker may be run.

    There is one thread: runs are mostly Python, and several would wait for each other. It is started by the
    first run that needs it.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="policy")

    async def run(self, ranker: Ranker | None, policy: Callable[[], T], until: float | None = None) -> T:
        """What `policy` returns; it raises what `policy` raises.

        Args:
            ranker: The one that `policy` scores with: at once while it is inline or None, else in the thread,
                after the runs before it.
            policy: Pure, on a snapshot taken before: the shop may be swapped meanwhile.
            until: Event loop time, seconds, to wait for the thread; None for no limit. A run on the event
                loop is not waited for.

        Raises:
            TimeoutError: The thread was not done by `until`. A run that has not begun is not made.
        """
        if ranker is None or ranker.inline:
            return policy()
        async with asyncio.timeout_at(until):
            return await asyncio.get_running_loop().run_in_executor(self._executor, policy)

    def stop(self) -> None:
        """Make no further runs; the one under way ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def measure_row_us(ranker: Ranker) -> float:
    """Microseconds of CPU that a ranker takes for a row: the best of a few runs over the same rows.

    Raises:
        RankerFailed: It could not score.
    """
    features = np.linspace(0, 1, _ROWS * len(NAMES), dtype=np.float32).reshape(_ROWS, len(NAMES))
    times = []
    for _ in range(_RUNS):
        started = thread_time()
        ranker.score(features)
        times.append(thread_time() - started)
    return min(times) * 1e6 / _ROWS
