"""The understudy: the ranker that ranks strangers, and everybody while the model is missing or fails."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.features.spec import NAMES
from models.ranking.ranker import Matrix, Scores, check_features, check_scores

WEIGHTS: Mapping[str, float] = {
    "item_popularity_rank": 1.0,
    "item_log_popularity": 0.35,
    "item_log_trend": 0.15,
    "category_now": 1.5,
    "category_taste": 1.0,
    "family_taste": 0.3,
    "brand_taste": 0.6,
    "co_view_anchor": 4.0,
    "co_view_recent": 3.0,
    "co_buy": 2.0,
    "price_distance": -0.3,
}
"""Own heuristic on features between 0 and about 1, set by hand; `etalage evaluate` judges the outcome."""


class PopularityRanker:
    """Popular and rising items, moved by the little that is known of the visitor's affinities.

    A linear score, features · WEIGHTS; with an empty state only the crowd's features remain. O(rows).
    """

    name = "popularity"
    version = "1"

    def __init__(self) -> None:
        self.weights = np.array([WEIGHTS.get(name, 0.0) for name in NAMES], np.float32)

    def score(self, features: Matrix) -> Scores:
        """See Ranker.score."""
        check_features(features)
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused by the check
            scores = features @ self.weights
        return check_scores(scores, len(features), self.name)
