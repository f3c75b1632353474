"""A trouble is told when it begins and when it ends, however often it is seen in between."""

from __future__ import annotations


class LogOnce:
    """Whether a trouble was told: `begins` and `ends` answer True when that is news."""

    def __init__(self) -> None:
        self._on = False

    def begins(self) -> bool:
        news, self._on = not self._on, True
        return news

    def ends(self) -> bool:
        news, self._on = self._on, False
        return news


class HeartbeatMonitor:
    """Seconds without a sign of life, as far as we were awake: a look counts for LOOK_MAX_S at most.

    So whoever looks may itself have been stopped, starved or asleep: nobody is blamed for that.
    """

    LOOK_MAX_S = 1.0

    def __init__(self) -> None:
        self.seconds = 0.0
        self._looked_at: float | None = None

    def look(self, now: float, *, sign: bool) -> float:
        """How long it has been silent, with this look."""
        since = 0.0 if self._looked_at is None else now - self._looked_at
        self._looked_at = now
        self.seconds = 0.0 if sign else self.seconds + min(since, self.LOOK_MAX_S)
        return self.seconds
