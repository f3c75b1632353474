"""Which work is left undone while there is too much: the dearest first, with hysteresis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Work = Literal["explain", "rank", "decide", "read"]

SHED_ABOVE_S: dict[Work, float] = {"explain": 0.010, "rank": 0.020, "decide": 0.025, "read": 0.040}
"""What new work would wait for the loop, from which on it is refused. The rest of a request's time is for
Redis and for writing the answer: what is taken is answered within 50 ms, the default deadline."""

TAKEN_AGAIN_BELOW = 0.5
"""Of that wait; the queue is not empty then, so the loop does not idle in between."""


class LoadShedding:
    """Says of each sort of work whether it is refused now.

    Args:
        wait_s: how long new work would wait now, s.
    """

    def __init__(self, wait_s: Callable[[], float]) -> None:
        self._wait_s = wait_s
        self._limits_s = dict(SHED_ABOVE_S)

    def sheds(self, work: Work) -> bool:
        """Whether work of that sort is refused; dearer work is then refused too."""
        above_s = SHED_ABOVE_S[work]
        shed = self._wait_s() > self._limits_s[work]
        self._limits_s[work] = above_s * TAKEN_AGAIN_BELOW if shed else above_s
        return shed
