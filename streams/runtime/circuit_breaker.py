"""A circuit breaker: after some failures in a row nobody waits for a service until one trial call succeeded.

The pattern of Nygard, "Release It!" (2nd ed. 2018, "Circuit Breaker"); its numbers are our own choice.
"""

from __future__ import annotations

from typing import Literal

from streams.runtime.telemetry.logs import logger

CircuitState = Literal["closed", "open", "half_open"]

FAILURES_TO_OPEN = 5
"""Failures in a row that open the circuit: one bad moment must not refuse every call."""

TRIAL_EVERY_S = 0.25
"""Time between trial calls while the circuit is open."""

log = logger("circuit_breaker")


class Circuit:
    """Ask `allows` before each call, then report how it ended.

    Time is handed in (monotonic seconds), so that tests need not wait.

    Args:
        failures: how many in a row open it.
        trial_every_s: while it is open, one call in so many seconds is let through.
        service: its name in log lines, lower-case.
    """

    def __init__(
        self,
        failures: int = FAILURES_TO_OPEN,
        trial_every_s: float = TRIAL_EVERY_S,
        service: str = "redis",
    ) -> None:
        self._service = service
        self._limit = failures
        self._trial_every_s = trial_every_s
        self._failures = 0
        self._next_trial = 0.0
        self.state: CircuitState = "closed"

    def allows(self, at: float) -> bool:
        """Whether a call may be made at `at`: always while closed, else one trial in each interval."""
        if self.state == "closed":
            return True
        if at < self._next_trial:
            return False
        self.state = "half_open"
        self._next_trial = at + self._trial_every_s
        return True

    def record_success(self) -> None:
        """A call was answered: the circuit is closed."""
        self._failures = 0
        if self.state != "closed":
            self.state = "closed"
            log.info("circuit closed", service=self._service)

    def record_failure(self, at: float) -> None:
        """A call failed at `at`: a failed trial, or enough failures in a row, open the circuit."""
        self._failures += 1
        if self.state == "half_open" or self._failures >= self._limit:
            if self.state == "closed":
                log.warning(
                    "circuit opened",
                    service=self._service,
                    failures=self._failures,
                    trial_every_s=self._trial_every_s,
                )
            self.state = "open"
            self._next_trial = at + self._trial_every_s
