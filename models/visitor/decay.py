"""Decaying weights of affinities: 255 steps on a log scale, and decay as a subtraction of steps.

Exponential decay, w(t + dt) = w(t) · 2 ** (-dt / half_life), in whole steps: a step is a 20th of an octave
and a half-life 20 ticks of its clock, so one tick is one step. Decay is thus exact: a thousand small decays
equal one long one, and no rounding builds up.
"""

from __future__ import annotations

from array import array
from bisect import bisect
from collections.abc import Mapping
from itertools import pairwise
from math import exp2

STEPS_PER_OCTAVE = 20
CODE_OF_ONE = 101
"""The step of weight 1.0."""

WEIGHTS: tuple[float, ...] = (
    0.0,
    *(round(2 ** ((code - CODE_OF_ONE) / STEPS_PER_OCTAVE), 6) for code in range(1, 256)),
)
"""Weight of each step, 0.03 to 208; rounded to digits so that every machine has the same ones."""
WEIGHT_OF_CODE = memoryview(array("d", WEIGHTS))
CODES: dict[float, int] = {weight: code for code, weight in enumerate(WEIGHTS)}
_BORDERS = [(low + high) / 2 for low, high in pairwise(WEIGHTS)]

# One tick of each clock, in seconds; 20 of them are a half-life. Own choice, not tuned.
LONG_TICK_S = 86_400
"""Long-term affinities: half-life 20 days."""
BOUGHT_TICK_S = 6 * 86_400
"""Purchase affinities: half-life 120 days."""
NOW_TICK_S = 60
"""Session affinities: half-life 20 minutes."""


def quantise(weight: float) -> float:
    """The nearest of WEIGHTS, which one byte can hold; the largest for anything above it. O(log 255)."""
    return WEIGHTS[bisect(_BORDERS, weight)]


def count_ticks(since: int, until: int, tick_s: int) -> int:
    """Ticks of a clock of `tick_s` seconds between two times in epoch seconds, never negative."""
    return max(0, until // tick_s - since // tick_s)


def decay_gain(gain: float, at: int, now: int, tick_s: int) -> float:
    """Decays the gain of a late event: what is left at `now` of a gain made at `at`, unquantised.

    Args:
        gain: Weight gained, in plain views.
        at: When the event happened, epoch seconds.
        now: The time of the state, epoch seconds.
        tick_s: The clock: LONG_TICK_S, BOUGHT_TICK_S or NOW_TICK_S.

    Returns:
        gain · 2 ** (-ticks / 20); all of the gain when the event is not late.
    """
    if at >= now:
        return gain
    return gain * exp2(-min(1000, count_ticks(at, now, tick_s)) / STEPS_PER_OCTAVE)


def decay_weight(weight: float, steps: int) -> float:
    """One of WEIGHTS `steps` ticks later; 0 once it has decayed below the smallest. O(1)."""
    return WEIGHTS[max(0, CODES[weight] - steps)]


def decay_all(weights: Mapping[int, float], steps: int) -> dict[int, float]:
    """Decays a mapping of WEIGHTS by `steps` ticks into a new one; what has decayed to nothing is left out.

    Raises:
        KeyError: A weight is none of WEIGHTS.
    """
    return {key: WEIGHTS[code] for key, weight in weights.items() if (code := CODES[weight] - steps) > 0}


def add_weight(weights: dict[int, float], key: int, gain: float, limit: int) -> None:
    """Adds a gain to one key, in place and quantised; a gain too small for a step adds no new key.

    A newcomer to a mapping of `limit` entries takes the place of the lightest, so a new interest always
    enters, whatever older ones weigh.
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
