"""Ranking metrics of one relevant item among all: NDCG@10, hit rate and reciprocal rank at 20."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Ranks = NDArray[np.float64]


class Quality(Struct, frozen=True):
    """Means over `looks` judged."""

    ndcg_10: float
    hit_20: float
    mrr_20: float
    looks: int


def mean_ranks(scores: NDArray[Any], targets: NDArray[Any]) -> Ranks:
    """Rank (1 is best) of one target column per row of scores[m, n]; ties share the mean of their ranks."""
    mine = scores[np.arange(len(scores)), targets][:, None]
    above = (scores > mine).sum(axis=1)
    level = (scores == mine).sum(axis=1)
    return np.asarray(above + (level + 1) / 2, np.float64)


def quality(ranks: Ranks) -> Quality:
    """With one relevant item the ideal DCG is 1, so NDCG@10 is 1 / log2(1 + rank) within the first ten."""
    if not len(ranks):
        return Quality(0.0, 0.0, 0.0, 0)
    gain = np.where(ranks <= 10, 1 / np.log2(1 + ranks), 0.0)
    reciprocal = np.where(ranks <= 20, 1 / ranks, 0.0)
    return Quality(float(gain.mean()), float((ranks <= 20).mean()), float(reciprocal.mean()), len(ranks))


def share_of(found: NDArray[np.float64]) -> Quality:
    """A plain share (0 or 1 per look) in the hit rate's place; the others do not apply."""
    return Quality(float("nan"), float(found.mean()) if len(found) else 0.0, float("nan"), len(found))
