"""Decaying weights of affinities: 255 steps on a log scale, and decay as a subtraction of steps.

Exponential decay, w(t + dt) = w(t) · 2 ** (-dt / half_life), in whole steps: a step is a 20th of an octave
and a half-life 20 ticks of its clock, so one tick is one step. Decay is thus exact: a thousand small decays
equal one long one, and no rounding builds up.
"""

from array import array
from itertools import pairwise

import cython
from cython.cimports.libc.math import exp2

from models import use_compiled

STEPS_PER_OCTAVE = cython.declare(cython.double, 20)
CODE_OF_ONE = cython.declare(cython.int, 101)
"""The step of weight 1.0."""

WEIGHTS: tuple[float, ...] = (
    0.0,
    *[round(2 ** ((code - CODE_OF_ONE) / STEPS_PER_OCTAVE), 6) for code in range(1, 256)],
)
"""Weight of each step, 0.03 to 208; rounded to digits so that every machine has the same ones."""
CODES: dict[float, int] = {weight: code for code, weight in enumerate(WEIGHTS)}
WEIGHT_OF_CODE = cython.declare(cython.double[::1], memoryview(array("d", WEIGHTS)))
BORDERS = cython.declare(
    cython.double[::1], memoryview(array("d", [(low + high) / 2 for low, high in pairwise(WEIGHTS)]))
)
"""Between the weights of two steps, the middle."""

# One tick of each clock, in seconds; 20 of them are a half-life. Own choice, not tuned.
LONG_TICK_S = cython.declare(cython.longlong, 86_400)
"""Long-term affinities: half-life 20 days."""
BOUGHT_TICK_S = cython.declare(cython.longlong, 6 * 86_400)
"""Purchase affinities: half-life 120 days."""
NOW_TICK_S = cython.declare(cython.longlong, 60)
"""Session affinities: half-life 20 minutes."""

TWO_TO_52 = cython.declare(cython.double, 4_503_599_627_370_496)


@cython.ccall
def code_of(weight: cython.double) -> cython.int:
    """The step whose weight is nearest, which one byte can hold; the last for anything above. O(log 255)."""
    low: cython.int = 0
    high: cython.int = 255
    while low < high:
        middle: cython.int = (low + high) >> 1
        if weight < BORDERS[middle]:
            high = middle
        else:
            low = middle + 1
    return low


def quantise(weight: float) -> float:
    """The nearest of WEIGHTS; the largest for anything above it. O(log 255)."""
    code: int = code_of(weight)
    return WEIGHTS[code]


@cython.ccall
def nearest_whole(number: cython.double) -> cython.double:
    """The nearest whole number, of two the even one, as `round` has it; for 0 to 2 ** 51.

    A double of 2 ** 52 or more has no digits after the point, so adding that much rounds.
    """
    return (number + TWO_TO_52) - TWO_TO_52


@cython.ccall
def count_ticks(since: cython.longlong, until: cython.longlong, tick_s: cython.longlong) -> cython.longlong:
    """Ticks of a clock of `tick_s` seconds between two times in epoch seconds, never negative."""
    return max(0, until // tick_s - since // tick_s)


@cython.ccall
def decay_gain(
    gain: cython.double, at: cython.longlong, now: cython.longlong, tick_s: cython.longlong
) -> cython.double:
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
    ticks: cython.longlong = min(1000, count_ticks(at, now, tick_s))
    return gain * exp2(-ticks / STEPS_PER_OCTAVE)


if not cython.compiled:
    use_compiled(globals())
