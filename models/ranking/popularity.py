"""The understudy: a linear score close to popularity, for visitors of whom nothing is used and for failures.

It ranks strangers, and everybody while there is no champion or the champion fails.
"""

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
"""Feature -> weight. Own heuristic, set by hand, not tuned on data; `etalage evaluate` measures the outcome.
Training starts its linear part from these weights (models.training)."""


class PopularityRanker:
    """Ranks popular and rising items first, moved by the visitor's affinities.

    The score is features · WEIGHTS; for an empty state only crowd signals are not 0. O(rows).

    Reference: Own heuristic, not tuned on data. Why the understudy stays close to popularity: DESIGN,
        decision 11.
    """

    name = "popularity"
    version = "1"
    inline = True
    bounds = None

    def __init__(self) -> None:
        self.weights = np.array([WEIGHTS.get(name, 0.0) for name in NAMES], np.float32)

    def score(self, features: Matrix) -> Scores:
        """See Ranker.score."""
        check_features(features)
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused by the check
            scores = features @ self.weights
        return check_scores(scores, len(features), self.name)

    def score_clipped(self, features: Matrix) -> Scores:
        """See Ranker.score_clipped."""
        return self.score(features)
