"""Who scores: the shop's ranker for visitors we know, the understudy for strangers and when it fails."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.features.spec import Batch, matrix
from models.layout.context import Scene
from models.layout.fills import Stamp
from models.ranking.ranker import PopularityRanker, Ranker, split
from models.storefront.shop import Shop
from schemas.errors import RankerFailed
from schemas.layouts import ModelTag, Reason

Floats = NDArray[np.float32]
UNDERSTUDY = PopularityRanker()
_stamp = lru_cache(maxsize=64)(Stamp)
"""Every remembered page holds one: equal ones are the same object."""


class Scored(Struct, frozen=True, eq=False):
    """Scores and features of a scene's candidates, in their order, and how they came about."""

    scores: Floats
    features: Floats
    stamp: Stamp


def score_scenes(shop: Shop, scenes: Sequence[Scene], at: float) -> list[Scored]:
    """One feature matrix for all, and one run of the ranker for those we know."""
    batch = Batch(
        shop.items,
        [scene.state for scene in scenes],
        [scene.candidates for scene in scenes],
        [scene.ask.page for scene in scenes],
        at,
    )
    features = matrix(batch)
    known = np.array([scene.why == "ok" for scene in scenes])
    scores, failed = scores_of(shop.ranker, features, known.repeat(batch.counts))
    scored = zip(scenes, split(scores, batch.counts), split(features, batch.counts), strict=True)
    return [Scored(own, rows, stamp_of(shop.ranker, scene.why, failed)) for scene, own, rows in scored]


def scores_of(
    ranker: Ranker | None, features: Floats, known: NDArray[np.bool_]
) -> tuple[Floats, Reason | None]:
    """A score for each row, and why the ranker gave none of them."""
    if ranker is None:
        return UNDERSTUDY.score(features), "model_missing"
    try:
        if known.all():
            return ranker.score(features), None
        scores = UNDERSTUDY.score(features)
        if known.any():
            scores[known] = ranker.score(features[known])
    except RankerFailed:
        return UNDERSTUDY.score(features), "model_failed"
    return scores, None


def stamp_of(ranker: Ranker | None, why: Reason, failed: Reason | None) -> Stamp:
    if why == "ok" and failed is None and ranker is not None:
        return _stamp("full", "ok", ranker.name, ranker.version, "champion")
    reason = failed if why == "ok" and failed else why
    return _stamp("popular", reason, UNDERSTUDY.name, UNDERSTUDY.version, "understudy")


def model_tag(stamp: Stamp, generation: int) -> ModelTag:
    return ModelTag(name=stamp.model, version=stamp.model_version, generation=generation, role=stamp.role)
