"""How long the broker holds a fetch: a lone record is sent at once, of a stream several come together.

Each answer costs broker and worker the same however little is in it, and so does each run of the policy.
"""

from __future__ import annotations

import asyncio
from typing import Any

LONE_WAIT_MS, LONE_BYTES = 500, 1
"""Faust's fixed 1500 ms does no harm with a broker that wakes a waiting fetch; not all stand-ins do."""
STREAM_WAIT_MS, STREAM_BYTES = 4, 200_000
"""Enough bytes for some hundred records: a backlog is never waited for."""
STREAM_FOR_S = 0.02
"""How long after records were handed over more are expected."""


class FetchPacing:
    """Sets what the fetches of an aiokafka fetcher ask for, on its loop."""

    def __init__(self, fetcher: Any) -> None:
        self._fetcher = fetcher
        self._lull: asyncio.TimerHandle | None = None
        self._ask(LONE_WAIT_MS, LONE_BYTES)

    def fed(self) -> None:
        """Records were handed over."""
        if self._lull is None:
            self._ask(STREAM_WAIT_MS, STREAM_BYTES)
        else:
            self._lull.cancel()
        self._lull = asyncio.get_running_loop().call_later(STREAM_FOR_S, self._lulled)

    def _lulled(self) -> None:
        self._lull = None
        self._ask(LONE_WAIT_MS, LONE_BYTES)

    def _ask(self, wait_ms: int, least_bytes: int) -> None:
        self._fetcher._fetch_max_wait_ms, self._fetcher._fetch_min_bytes = wait_ms, least_bytes
