"""Weights that fade: 255 steps on a log scale, and decay as a subtraction of steps.

A step is a 20th of an octave, and a half-life is 20 ticks of its clock, so one tick is one step. Decay
is thus exact: a thousand small decays equal one long one, and nothing sticks to its rounding.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from itertools import pairwise
from math import exp2

STEPS_PER_OCTAVE = 20
ONE = 101
"""The step of weight 1.0."""

WEIGHTS: tuple[float, ...] = (0.0, *(round(2 ** ((c - ONE) / STEPS_PER_OCTAVE), 6) for c in range(1, 256)))
"""Weight of each step, 0.03 to 208; rounded to digits so that every machine has the same ones."""
CODES: dict[float, int] = {weight: code for code, weight in enumerate(WEIGHTS)}
HEAVIEST = WEIGHTS[-1]
_BORDERS = [(low + high) / 2 for low, high in pairwise(WEIGHTS)]

LONG_TICK_S = 86_400
"""Tastes: half-life 20 days."""
BOUGHT_TICK_S = 6 * 86_400
"""Purchases: half-life 120 days."""
NOW_TICK_S = 60
"""This session: half-life 20 minutes."""


def quantise(weight: float) -> float:
    """The nearest weight that one byte can hold."""
    return WEIGHTS[bisect(_BORDERS, weight)]


def ticks(since: int, until: int, tick_s: int) -> int:
    """Ticks of a clock between two times, never negative."""
    return max(0, until // tick_s - since // tick_s)


def remaining_of(gain: float, at: int, now: int, tick_s: int) -> float:
    """What is left at `now` of a gain made at `at`: all of it, unless the event came late."""
    if at >= now:
        return gain
    return gain * exp2(-min(1000, ticks(at, now, tick_s)) / STEPS_PER_OCTAVE)


def aged_weight(weight: float, steps: int) -> float:
    return WEIGHTS[max(0, CODES[weight] - steps)]


def decay_all(weights: Mapping[int, float], steps: int) -> dict[int, float]:
    """All weights `steps` later; what has faded out is gone."""
    return {key: WEIGHTS[code] for key, weight in weights.items() if (code := CODES[weight] - steps) > 0}


def add(weights: dict[int, float], key: int, gain: float, limit: int) -> None:
    """Adds in place. A newcomer to a full mapping takes the place of the lightest.

    So a new interest always enters, whatever older ones weigh.
    """
    known = weights.get(key)
    if known is not None:
        weights[key] = WEIGHTS[bisect(_BORDERS, known + gain)]
        return
    weight = WEIGHTS[bisect(_BORDERS, gain)]
    if not weight:
        return
    if len(weights) >= limit:
        del weights[min(weights, key=weights.__getitem__)]
    weights[key] = weight
