"""Bounds: what a manifest may say, and what clipping to them gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.features.spec import NAMES
from models.ranking.bounds import Range, clip, format_bounds, parse_bounds
from models.ranking.ranker import Bounds
from schemas.errors import RankerFailed

WIDTH = len(NAMES)
FIRST, SECOND = NAMES[0], NAMES[1]


def ranges(**changed: Range) -> dict[str, Range]:
    return {name: Range(-1.0, 2.0) for name in NAMES} | changed


def test_they_stand_in_the_order_of_the_columns() -> None:
    backwards = dict(reversed(ranges(**{FIRST: Range(None, 0.5), SECOND: Range(0.25, None)}).items()))
    low, high = parse_bounds(backwards)
    assert low.dtype == high.dtype == np.float32
    assert low.tolist() == [-np.inf, 0.25] + [-1] * (WIDTH - 2)
    assert high.tolist() == [0.5, np.inf] + [2] * (WIDTH - 2)


def test_what_the_model_is_not_given_has_none() -> None:
    low, high = parse_bounds({SECOND: Range(-1.0, 2.0)}, [SECOND])
    assert low.tolist() == [-np.inf, -1.0] + [-np.inf] * (WIDTH - 2)
    assert high.tolist() == [np.inf, 2.0] + [np.inf] * (WIDTH - 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda all_: all_.pop(SECOND), f"bounds.{SECOND}: missing"),
        (lambda all_: all_.update(heat=Range(0.0, 1.0)), "bounds.heat: no such feature"),
        (lambda all_: all_.update({FIRST: Range(1.0, 0.5)}), f"bounds.{FIRST}: .* above its end"),
        (lambda all_: all_.update({FIRST: Range(float("nan"), 1.0)}), f"bounds.{FIRST}: .* not float32"),
        (lambda all_: all_.update({FIRST: Range(0.0, float("inf"))}), f"bounds.{FIRST}: .* not float32"),
        (lambda all_: all_.update({FIRST: Range(None, 1e39)}), f"bounds.{FIRST}: .* not float32"),
    ],
    ids=["missing", "unknown", "upside down", "no number", "infinite", "beyond float32"],
)
def test_what_is_wrong_names_the_feature(change: Callable[[dict[str, Range]], object], message: str) -> None:
    given = ranges()
    change(given)
    with pytest.raises(RankerFailed, match=message):
        parse_bounds(given)


def test_a_manifest_keeps_every_bit() -> None:
    rng = np.random.default_rng(2)
    low = (rng.normal(0, 1, WIDTH) * 10.0 ** rng.integers(-44, 37, WIDTH)).astype(np.float32)
    low[:3] = (-np.inf, -0.0, np.finfo(np.float32).min)
    high = np.nextafter(low, np.float32(np.inf), dtype=np.float32)
    again = parse_bounds(format_bounds(Bounds(low, high)))
    assert again.low.tobytes() == low.tobytes()
    assert again.high.tobytes() == high.tobytes()


@pytest.mark.parametrize("rows", [0, 1, 7, 1031])
def test_a_copy_is_clipped(rows: int) -> None:
    rng = np.random.default_rng(rows)
    low = rng.normal(0, 1, WIDTH).astype(np.float32)
    bounds = Bounds(low, low + rng.random(WIDTH).astype(np.float32))
    features = rng.normal(0, 3, (rows, 2 * WIDTH)).astype(np.float32)[:, ::2]
    before = features.copy()
    clipped = clip(features, bounds)
    assert clipped.flags.c_contiguous
    assert clipped.dtype == np.float32
    assert np.array_equal(clipped, np.clip(features, *bounds))
    assert np.array_equal(features, before)


def test_what_is_no_number_stays_so() -> None:
    features = np.zeros((2, WIDTH), np.float32)
    features[1, 3] = np.nan
    clipped = clip(features, parse_bounds(ranges()))
    assert np.argwhere(np.isnan(clipped)).tolist() == [[1, 3]]
