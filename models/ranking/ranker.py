"""What a ranker is: a feature matrix in, one score per row out; and the checks every ranker shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.features.spec import NAMES
from schemas.errors import RankerFailed

Matrix = NDArray[np.float32]
Scores = NDArray[np.float32]


class Ranker(Protocol):
    """Scores the candidates of one or of many visitors.

    Scores are only compared within one visitor, and a row's score depends on that row alone: so one call may
    hold the rows of many visitors, and cutting it elsewhere changes nothing but the last bits.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def score(self, features: Matrix) -> Scores:
        """Score each row.

        Args:
            features: float32[rows, len(SPEC)], columns in the order of SPEC.

        Returns:
            float32[rows], finite; higher is better, the scale is the ranker's own.

        Raises:
            RankerFailed: Another shape or type, a failure of the runtime, or a score that is not finite.
        """
        ...


def split_by_visitor(scores: NDArray[np.float32], counts: Sequence[int]) -> list[NDArray[np.float32]]:
    """Rows of a batch (scores or features) back per visitor; views, no copies."""
    ends = np.cumsum(counts).tolist()
    return [scores[end - count : end] for end, count in zip(ends, counts, strict=True)]


def check_features(features: Matrix) -> None:
    """RankerFailed unless it is a float32 matrix with the columns of SPEC."""
    if features.ndim != 2 or features.shape[1] != len(NAMES) or features.dtype != np.float32:
        raise RankerFailed(
            f"features must be float32[N, {len(NAMES)}], these are {features.dtype}{list(features.shape)}"
        )


def check_scores(scores: Scores, rows: int, name: str) -> Scores:
    """`scores` if there is one finite number per row, else RankerFailed; O(rows).

    One sum tells whether all are finite: NaN and infinity survive adding.
    """
    if scores.shape != (rows,):
        raise RankerFailed(f"{name} gave {list(scores.shape)} scores for {rows} rows")
    if not np.isfinite(scores.sum(dtype=np.float64)):
        raise RankerFailed(f"{name} gave scores that are not finite")
    return scores
