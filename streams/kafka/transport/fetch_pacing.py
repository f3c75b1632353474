"""How long the broker holds a fetch: a lone record is sent at once, of a stream several come together.

Each answer costs broker and worker the same however little is in it, and so does each run of the policy.
Own heuristic; `make bench ONLY=freshness` shows its effect.
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
    """Sets `fetch.max.wait.ms` and `fetch.min.bytes` of a running aiokafka fetcher; used on its loop only."""

    def __init__(self, fetcher: Any) -> None:
        self._fetcher = fetcher
        self._stream_end: asyncio.TimerHandle | None = None
        self._set_fetch(LONE_WAIT_MS, LONE_BYTES)

    def expect_more(self) -> None:
        """Have fetches wait for several records until STREAM_FOR_S after the last call.

        To be called whenever records were handed over.
        """
        if self._stream_end is None:
            self._set_fetch(STREAM_WAIT_MS, STREAM_BYTES)
        else:
            self._stream_end.cancel()
        self._stream_end = asyncio.get_running_loop().call_later(STREAM_FOR_S, self._end_stream)

    def _end_stream(self) -> None:
        self._stream_end = None
        self._set_fetch(LONE_WAIT_MS, LONE_BYTES)

    def _set_fetch(self, wait_ms: int, least_bytes: int) -> None:
        self._fetcher._fetch_max_wait_ms, self._fetcher._fetch_min_bytes = wait_ms, least_bytes
