"""A circuit breaker: after some failures in a row nobody waits for Redis until one trial succeeded."""

from __future__ import annotations

from typing import Literal

from streams.runtime.telemetry.logs import logger

CircuitState = Literal["closed", "open", "half_open"]
CIRCUIT_STATES: tuple[CircuitState, ...] = ("closed", "half_open", "open")

FAILURES_TO_OPEN = 5
"""In a row: one bad moment must not close the door for all."""

TRIAL_EVERY_S = 0.25


class Circuit:
    """Time is handed in (seconds, monotonic), so that tests need not wait."""

    def __init__(
        self, failures: int = FAILURES_TO_OPEN, trial_every_s: float = TRIAL_EVERY_S, before: str = "Redis"
    ) -> None:
        self._before = before
        self._limit = failures
        self._trial_every_s = trial_every_s
        self._failures = 0
        self._next_trial = 0.0
        self.state: CircuitState = "closed"

    def allows(self, at: float) -> bool:
        """Whether a call may be made now; while open, one trial in each interval."""
        if self.state == "closed":
            return True
        if at < self._next_trial:
            return False
        self.state = "half_open"
        self._next_trial = at + self._trial_every_s
        return True

    def succeeded(self) -> None:
        self._failures = 0
        if self.state != "closed":
            self.state = "closed"
            logger("gateway").info("circuit closed", before=self._before)

    def failed(self, at: float) -> None:
        self._failures += 1
        if self.state == "half_open" or self._failures >= self._limit:
            if self.state == "closed":
                logger("gateway").warning("circuit opened", before=self._before, failures=self._failures)
            self.state = "open"
            self._next_trial = at + self._trial_every_s
