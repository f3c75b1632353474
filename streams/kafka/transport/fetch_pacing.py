"""Sets how long the broker may hold a fetch back, by how busy the event loop is.

Fetches, rounds and policy runs have a fixed cost, which several records share when the broker gathers them.
With time to spare that saves nothing that is needed and only delays: a fetch is answered with the first
record. The busier the loop, the longer the hold, up to HOLD_MS_MAX. Own heuristic; `make bench
ONLY=freshness` shows its effect.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

IDLE_WAIT_MS, IDLE_MIN_BYTES = 500, 1
"""Instead of Faust's fixed 1500 ms: Kafka answers a waiting fetch as soon as a record arrives, but some
substitutes for it wait out the whole time."""
HOLD_MS_MAX, HOLD_MIN_BYTES = 4, 200_000
"""A backlog of so many bytes is answered at once: several hundred records of 500 bytes."""
FREE_SHARE, BUSY_SHARE = 0.7, 0.95
"""Shares of a core that the loop uses: nothing is held below the first, HOLD_MS_MAX from the second on."""
AVERAGED_OVER_S = 0.5
HOLD_FOR_S = 0.02
"""How long after a delivery more records are expected."""


class FetchPacing:
    """Sets `fetch.max.wait.ms` and `fetch.min.bytes` of a running aiokafka fetcher.

    Call only from the thread whose loop the fetcher and its consumer run on.

    Args:
        fetcher: aiokafka's.
        wall: The time, in seconds.
        used: CPU time of this thread, in seconds.
    """

    def __init__(
        self,
        fetcher: Any,
        *,
        wall: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.thread_time,
    ) -> None:
        self._fetcher, self._wall, self._used = fetcher, wall, used
        self._wall_before, self._used_before = wall(), used()
        self._share = 0.0
        self._lull: asyncio.TimerHandle | None = None
        self._answer_first_record()

    def note_delivery(self) -> None:
        """Call whenever records were delivered: how later fetches are held, until HOLD_FOR_S without any."""
        if self._lull is not None:
            self._lull.cancel()
            self._lull = None
        hold_ms = self._measure_hold_ms()
        if not hold_ms:
            return self._answer_first_record()
        self._set_fetch(hold_ms, HOLD_MIN_BYTES)
        self._lull = asyncio.get_running_loop().call_later(HOLD_FOR_S, self._answer_first_record)

    def _measure_hold_ms(self) -> int:
        """0 to HOLD_MS_MAX, by the share of a core used lately (exponential average, by time)."""
        wall, used = self._wall(), self._used()
        passed = wall - self._wall_before
        if passed > 0:
            weight = 1 - math.exp(-passed / AVERAGED_OVER_S)
            self._share += weight * ((used - self._used_before) / passed - self._share)
            self._wall_before, self._used_before = wall, used
        busy = (self._share - FREE_SHARE) / (BUSY_SHARE - FREE_SHARE)
        return round(HOLD_MS_MAX * min(1.0, max(0.0, busy)))

    def _answer_first_record(self) -> None:
        self._set_fetch(IDLE_WAIT_MS, IDLE_MIN_BYTES)

    def _set_fetch(self, wait_ms: int, min_bytes: int) -> None:
        self._fetcher._fetch_max_wait_ms, self._fetcher._fetch_min_bytes = wait_ms, min_bytes
