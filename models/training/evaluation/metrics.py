"""Ranking metrics of one relevant item among all: NDCG@10, hit rate and reciprocal rank at 20."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Ranks = NDArray[np.float64]


class Quality(Struct, frozen=True):
    """Means over `looks`, the number of views evaluated; each metric is 0..1, higher is better."""

    ndcg_10: float
    hit_20: float
    mrr_20: float
    looks: int


def rank_targets(scores: NDArray[Any], targets: NDArray[Any]) -> Ranks:
    """Ranks one target in each row of scores.

    Args:
        scores: float[m, n], one row a view and one column an item.
        targets: int[m], the column of the item viewed.

    Returns:
        float64[m], 1 is best; items of equal score share the mean of their ranks.

    Complexity: O(m · n), without sorting.
    """
    mine = scores[np.arange(len(scores)), targets][:, None]
    above = (scores > mine).sum(axis=1)
    level = (scores == mine).sum(axis=1)
    return np.asarray(above + (level + 1) / 2, np.float64)


def summarise_ranks(ranks: Ranks) -> Quality:
    """Averages the metrics over ranks.

    Args:
        ranks: float64[m], the rank of the one relevant item of each view, 1 is best.

    Returns:
        NDCG@10 (Järvelin and Kekäläinen, 2002): with one relevant item the ideal DCG is 1, so it is
        1 / log2(1 + rank) within the first ten, else 0. HR@20: whether the rank is within twenty. MRR@20:
        1 / rank within twenty, else 0 (mean reciprocal rank). All 0 when there are no ranks.
    """
    if not len(ranks):
        return Quality(0.0, 0.0, 0.0, 0)
    gain = np.where(ranks <= 10, 1 / np.log2(1 + ranks), 0.0)
    reciprocal = np.where(ranks <= 20, 1 / ranks, 0.0)
    return Quality(float(gain.mean()), float((ranks <= 20).mean()), float(reciprocal.mean()), len(ranks))


def summarise_hits(hits: NDArray[np.float64]) -> Quality:
    """A plain share (0 or 1 per view) in the hit rate's place; the others do not apply and are NaN."""
    return Quality(float("nan"), float(hits.mean()) if len(hits) else 0.0, float("nan"), len(hits))
