"""A bound on how fast all shoppers together may act: the shop is never overrun, whatever they would like."""

from __future__ import annotations

import asyncio


class Pace:
    """Turns in the order asked for; on average not more than `rate` a second, with no bursts."""

    def __init__(self, rate: float) -> None:
        self._every_s = 1 / rate
        self._next = 0.0

    async def turn(self, count: int = 1) -> None:
        """Wait until `count` events may be sent."""
        now = asyncio.get_running_loop().time()
        mine = max(now, self._next)
        self._next = mine + count * self._every_s
        await asyncio.sleep(mine - now)
