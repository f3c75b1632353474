"""Small data to train on: the seed of a simulated shop, and random groups with the prior to learn them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.features.spec import NAMES
from models.training.mlp import Prior

SEED = 3
WIDTH = len(NAMES)
GROUPS = 1200
COLD = NAMES.index("visitor_is_cold")
PRIOR = Prior(np.zeros(WIDTH, np.float32), COLD)


def random_groups(groups: int = GROUPS) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Features, float32[groups, 20, WIDTH], and as targets the rows with the largest first feature; a quarter
    of the visitors is cold."""
    features = np.random.default_rng(1).normal(3, 2, (groups, 20, WIDTH)).astype(np.float32)
    features[:, :, COLD] = (np.arange(groups) % 4 == 0)[:, None]
    return features, features[:, :, 0].argmax(axis=1)
