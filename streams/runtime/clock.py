"""The one place that reads the time; everything else is handed a clock or a moment."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where a process takes its time from."""

    def now(self) -> float:
        """Seconds since the epoch (wall clock: may jump)."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never go backwards; for durations and deadlines."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that stands still until told to go on: for replay and tests."""

    def __init__(self, at: float = 0.0) -> None:
        self._at = at
        self._run = 0.0

    def now(self) -> float:
        return self._at

    def monotonic(self) -> float:
        return self._run

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass (never negative)."""
        if seconds < 0:
            raise ValueError("time does not go backwards; use set() to move the wall clock")
        self._at += seconds
        self._run += seconds

    def set(self, at: float) -> None:
        """Put the wall clock to `at`, as an operator might; durations do not notice."""
        self._at = at
