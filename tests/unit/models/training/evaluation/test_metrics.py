"""Ranking metrics on hand-made scores."""

from __future__ import annotations

import numpy as np
import pytest

from models.training.evaluation.metrics import mean_ranks, quality


def test_ties_share_the_mean_of_their_ranks() -> None:
    scores = np.array([[3.0, 2.0, 2.0, 1.0], [5.0, 5.0, 5.0, 5.0], [1.0, 2.0, 3.0, 4.0]])
    assert mean_ranks(scores, np.array([1, 0, 3])).tolist() == [2.5, 2.5, 1.0]


def test_quality_of_known_ranks() -> None:
    found = quality(np.array([1.0, 3.0, 11.0, 21.0]))
    assert found.ndcg_10 == pytest.approx((1 + 0.5) / 4)
    assert found.hit_20 == 0.75
    assert found.mrr_20 == pytest.approx((1 + 1 / 3 + 1 / 11) / 4)
    assert found.looks == 4


def test_no_looks_no_quality() -> None:
    assert quality(np.empty(0)).looks == 0
