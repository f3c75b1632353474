"""Sets how long the broker may delay a fetch.

Not at all for a single record, up to BUSY_WAIT_MS while records keep coming, so that several share one fetch.
Fetches and policy runs have a fixed cost; batching amortises it. Own heuristic; `make bench ONLY=freshness`
shows its effect.
"""

from __future__ import annotations

import asyncio
from typing import Any

IDLE_WAIT_MS, IDLE_MIN_BYTES = 500, 1
"""Instead of Faust's fixed 1500 ms: Kafka answers a waiting fetch as soon as a record arrives, but some
substitutes for it wait out the whole time."""
BUSY_WAIT_MS, BUSY_MIN_BYTES = 4, 200_000
"""A backlog of so many bytes is answered at once: several hundred records of 500 bytes."""
BUSY_FOR_S = 0.02
"""How long after a delivery more records are expected."""


class FetchPacing:
    """Sets `fetch.max.wait.ms` and `fetch.min.bytes` of a running aiokafka fetcher.

    Call only from the fetcher's event loop.
    """

    def __init__(self, fetcher: Any) -> None:
        self._fetcher = fetcher
        self._busy_end: asyncio.TimerHandle | None = None
        self._set_fetch(IDLE_WAIT_MS, IDLE_MIN_BYTES)

    def note_delivery(self) -> None:
        """Call whenever records were delivered: fetches wait for several records until BUSY_FOR_S later."""
        if self._busy_end is None:
            self._set_fetch(BUSY_WAIT_MS, BUSY_MIN_BYTES)
        else:
            self._busy_end.cancel()
        self._busy_end = asyncio.get_running_loop().call_later(BUSY_FOR_S, self._end_busy)

    def _end_busy(self) -> None:
        self._busy_end = None
        self._set_fetch(IDLE_WAIT_MS, IDLE_MIN_BYTES)

    def _set_fetch(self, wait_ms: int, min_bytes: int) -> None:
        self._fetcher._fetch_max_wait_ms, self._fetcher._fetch_min_bytes = wait_ms, min_bytes
