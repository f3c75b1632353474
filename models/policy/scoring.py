"""Who scores: the shop's ranker for visitors we know, the understudy for strangers and when it fails."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.features.spec import Batch, matrix
from models.layout.context import PageContext
from models.layout.fills import Provenance
from models.policy.snapshot import Snapshot
from models.ranking.popularity import PopularityRanker
from models.ranking.ranker import Ranker, split_by_visitor
from schemas.errors import RankerFailed
from schemas.layouts import ModelTag, Reason

Floats = NDArray[np.float32]
UNDERSTUDY = PopularityRanker()
_provenance = lru_cache(maxsize=64)(Provenance)
"""Every remembered page holds one: equal ones are the same object."""


class Scored(Struct, frozen=True, eq=False):
    """Scores and features of a scene's candidates, in their order, and how they came about."""

    scores: Floats
    features: Floats
    provenance: Provenance


def score_contexts(snapshot: Snapshot, contexts: Sequence[PageContext], at: float) -> list[Scored]:
    """One feature matrix for all, and one run of the ranker for those we know."""
    batch = Batch(
        snapshot.features,
        [context.state for context in contexts],
        [context.candidates for context in contexts],
        [context.request.page for context in contexts],
        at,
    )
    features, ranker = matrix(batch), snapshot.ranker
    known = np.array([context.why == "ok" for context in contexts])
    scores, failed = scores_of(ranker, features, known.repeat(batch.counts))
    own_scores = split_by_visitor(scores, batch.counts)
    own_features = split_by_visitor(features, batch.counts)
    scored = zip(contexts, own_scores, own_features, strict=True)
    return [Scored(own, rows, provenance_of(ranker, context.why, failed)) for context, own, rows in scored]


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


def provenance_of(ranker: Ranker | None, why: Reason, failed: Reason | None) -> Provenance:
    if why == "ok" and failed is None and ranker is not None:
        return _provenance("full", "ok", ranker.name, ranker.version, "champion")
    reason = failed if why == "ok" and failed else why
    return _provenance("popular", reason, UNDERSTUDY.name, UNDERSTUDY.version, "understudy")


def model_tag(provenance: Provenance, generation: int) -> ModelTag:
    return ModelTag(
        name=provenance.model, version=provenance.model_version, generation=generation, role=provenance.role
    )
