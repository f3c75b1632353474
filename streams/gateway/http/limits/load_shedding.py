"""When everything that is read for a visitor is left out: while the event loop is late again and again."""

from __future__ import annotations

import asyncio
from collections import deque

from streams.runtime.telemetry.metrics import Metrics

SHED_ABOVE_S = 0.040
"""How late the loop may be: an answer that reads Redis passes it more than once, and has 50 ms by default."""

TAKEN_AGAIN_BELOW = 0.5
"""Of that."""

LOOK_EVERY_S = 0.05
"""Between looks at how late the loop is."""

LOOKS = 4
"""The loop is as late as it was at least in so many looks: others' work on the machine comes and goes."""


class LoadShedding:
    """Whether stored pages are not read, and everybody gets the popular one.

    Args:
        metrics: counts them.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._late_s = deque[float](maxlen=LOOKS)
        self._sheds = False

    def sheds(self) -> bool:
        """Whether a page is not to be read now; it is then counted as left out."""
        if self._sheds:
            self._metrics.count("shed_total", work="read")
        return self._sheds

    def look(self, late_s: float) -> None:
        """Take in how late the loop woke a sleeper, s."""
        self._late_s.append(late_s)
        late_s = min(self._late_s) if len(self._late_s) == LOOKS else 0.0
        self._sheds = late_s > SHED_ABOVE_S * (TAKEN_AGAIN_BELOW if self._sheds else 1.0)

    async def watch(self) -> None:
        """Look, for ever."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + LOOK_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)
            self.look(clock() - due)
