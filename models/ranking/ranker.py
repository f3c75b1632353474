"""What a ranker is: a feature matrix in, one score per row out; and the checks that every ranker shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from models.features.spec import NAMES
from schemas.errors import RankerFailed

Matrix = NDArray[np.float32]
Scores = NDArray[np.float32]


class Bounds(NamedTuple):
    """The least and the greatest value of each feature that a ranker is given; infinite where there is none.

    Attributes:
        low: float32[len(SPEC)].
        high: float32[len(SPEC)], nowhere below `low`.
    """

    low: NDArray[np.float32]
    high: NDArray[np.float32]


class Ranker(Protocol):
    """Scores the candidates of one visitor or of many.

    Scores are compared within one visitor only, and a row's score depends on that row alone: one call may
    hold the rows of many visitors, and splitting it changes nothing but the last bits.
    """

    @property
    def name(self) -> str:
        """What layouts and decision records call it."""
        ...

    @property
    def version(self) -> str:
        """The version of the model; it changes when the scores may change."""
        ...

    @property
    def inline(self) -> bool:
        """Whether a run is so short that the event loop may wait for it: at most a microsecond a row.

        Runs of another ranker belong in a thread.
        """
        ...

    @property
    def bounds(self) -> Bounds | None:
        """What `score` clips its own copy of the features to; None when it takes them as they are.

        A matrix that was clipped to them before has the same scores.
        """
        ...

    def score(self, features: Matrix) -> Scores:
        """Score each row.

        Args:
            features: float32[rows, len(SPEC)], columns in the order of SPEC; not changed.

        Returns:
            float32[rows], finite; higher is better, the scale is the ranker's own.

        Raises:
            RankerFailed: Another shape or type, a failure of the runtime, or a score that is not finite.
        """
        ...

    def score_clipped(self, features: Matrix) -> Scores:
        """`score` for a matrix of that shape and type whose values are within `bounds` already."""
        ...


def split_by_visitor(rows: NDArray[np.float32], counts: Sequence[int]) -> list[NDArray[np.float32]]:
    """The rows of a batch (scores, or the feature matrix) for each visitor.

    Args:
        rows: float32[sum(counts)] or float32[sum(counts), features].
        counts: Rows of each visitor.

    Returns:
        Views of `rows`, no copies.
    """
    ends = np.cumsum(counts).tolist()
    return [rows[end - count : end] for end, count in zip(ends, counts, strict=True)]


def check_features(features: Matrix) -> None:
    """Raises RankerFailed unless `features` is float32[rows, len(SPEC)]."""
    if features.ndim != 2 or features.shape[1] != len(NAMES) or features.dtype != np.float32:
        raise RankerFailed(
            f"features must be float32[N, {len(NAMES)}], these are {features.dtype}{list(features.shape)}"
        )


def check_scores(scores: Scores, rows: int, name: str) -> Scores:
    """`scores`, when there is one finite number per row.

    O(rows).

    Raises:
        RankerFailed: Another number of scores than `rows`, or one that is not finite; it names `name`.
    """
    if scores.shape != (rows,):
        raise RankerFailed(f"{name} gave {list(scores.shape)} scores for {rows} rows")
    if np.count_nonzero(np.isfinite(scores)) != rows:  # `all` costs twice as much
        raise RankerFailed(f"{name} gave scores that are not finite")
    return scores
