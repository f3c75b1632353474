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
    """A clock that stands still until `advance` or `set` moves it: for replay and tests."""

    def __init__(self, at: float = 0.0) -> None:
        self._at = at
        self._monotonic = 0.0

    def now(self) -> float:
        return self._at

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass on both clocks; ValueError when negative."""
        if seconds < 0:
            raise ValueError("time does not go backwards; use set() to move the wall clock")
        self._at += seconds
        self._monotonic += seconds

    def set(self, at: float) -> None:
        """Put the wall clock to `at` (epoch s), as an operator might; `monotonic` stays."""
        self._at = at
