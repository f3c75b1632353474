"""Decay of single weights."""

from __future__ import annotations

from models.visitor.decay import count_ticks, decay_all, quantise


def test_ticks_are_never_negative() -> None:
    assert count_ticks(0, 119, 60) == 1
    assert count_ticks(119, 0, 60) == 0
    assert decay_all({1: 1.0, 2: quantise(0.04)}, 10) == {1: 0.707107}
