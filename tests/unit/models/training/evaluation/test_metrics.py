"""Ranking metrics on hand-made scores."""

from __future__ import annotations

import numpy as np
import pytest

from models.training.evaluation.metrics import rank_targets, summarise_ranks


def test_ties_share_the_mean_of_their_ranks() -> None:
    scores = np.array([[3.0, 2.0, 2.0, 1.0], [5.0, 5.0, 5.0, 5.0], [1.0, 2.0, 3.0, 4.0]])
    assert rank_targets(scores, np.array([1, 0, 3])).tolist() == [2.5, 2.5, 1.0]


def test_quality_of_known_ranks() -> None:
    quality = summarise_ranks(np.array([1.0, 3.0, 11.0, 21.0]))
    assert quality.ndcg_10 == pytest.approx((1 + 0.5) / 4)
    assert quality.hit_20 == 0.75
    assert quality.mrr_20 == pytest.approx((1 + 1 / 3 + 1 / 11) / 4)
    assert quality.looks == 4


def test_no_views_no_quality() -> None:
    assert summarise_ranks(np.empty(0)).looks == 0
