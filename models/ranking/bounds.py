"""Bounds of features: a model is given no value beyond those it was trained on.

They are applied to the feature matrix, not in the model's graph: there they took a third of a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.features.index import limit_features
from models.features.spec import NAMES
from models.ranking.ranker import Bounds, Matrix
from schemas.errors import RankerFailed


class Range(NamedTuple):
    """Bounds of one feature in a manifest; None for a side that is open."""

    low: float | None
    high: float | None


def clip(features: Matrix, bounds: Bounds) -> Matrix:
    """A copy with each value within its bounds; NaN stays NaN. O(values)."""
    clipped = np.array(features, order="C")
    limit_features(clipped.data, 0, len(clipped), bounds.low.data, bounds.high.data)
    return clipped


def parse_bounds(ranges: Mapping[str, Range], features: Sequence[str] = NAMES) -> Bounds:
    """The bounds in a manifest, as arrays in the order of SPEC.

    Args:
        ranges: Feature name -> its range.
        features: Those that the model is given; other columns are without bounds.

    Raises:
        RankerFailed: A feature has no range, or a range has no feature, is not of finite float32 numbers, or
            begins above its end; it names the feature.
    """
    for name in sorted(ranges.keys() ^ set(features)):
        raise RankerFailed(f"bounds.{name}: {'no such feature' if name in ranges else 'missing'}")
    for name, (low, high) in ranges.items():
        if not all(side is None or _is_float32(side) for side in (low, high)):
            raise RankerFailed(f"bounds.{name}: [{low}, {high}] are not float32 numbers or null")
        if low is not None and high is not None and low > high:
            raise RankerFailed(f"bounds.{name}: [{low}, {high}] begins above its end")
    every = [ranges.get(name, Range(None, None)) for name in NAMES]
    lows = [-inf if low is None else low for low, _ in every]
    highs = [inf if high is None else high for _, high in every]
    return Bounds(np.array(lows, np.float32), np.array(highs, np.float32))


def _is_float32(number: float) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.isfinite(np.float32(number)))


def format_bounds(bounds: Bounds) -> dict[str, Range]:
    """The bounds as a manifest holds them: `parse_bounds` gives back the same bits."""
    sides = zip(_shortest(bounds.low), _shortest(bounds.high), strict=True)
    return {name: Range(low, high) for name, (low, high) in zip(NAMES, sides, strict=True)}


def _shortest(side: NDArray[np.float32]) -> list[float | None]:
    """Each number with the fewest digits that name the same float32; None for an infinite one."""
    return [float(str(value)) if np.isfinite(value) else None for value in side]
