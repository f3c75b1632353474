"""Clocks: one that runs, one that a test sets."""

from __future__ import annotations

import time

import pytest

from streams.runtime.clock import ManualClock, SystemClock


def test_the_system_clock_is_the_machines() -> None:
    before = time.time()
    assert before <= SystemClock().now() <= time.time()
    first, second = SystemClock().monotonic(), SystemClock().monotonic()
    assert first <= second


def test_a_manual_clock_stands_still_until_told() -> None:
    clock = ManualClock(100.0)
    assert (clock.now(), clock.monotonic()) == (100.0, 0.0)
    clock.advance(2.5)
    assert (clock.now(), clock.monotonic()) == (102.5, 2.5)


def test_setting_the_wall_clock_back_does_not_move_durations() -> None:
    clock = ManualClock(100.0)
    clock.advance(1.0)
    clock.set(50.0)
    assert (clock.now(), clock.monotonic()) == (50.0, 1.0)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1.0)
