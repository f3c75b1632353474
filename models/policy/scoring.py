"""Scoring: which ranker scores a page.

The champion (the ranker that serves) scores pages of known visitors, the understudy (the fallback ranker,
popularity) those of strangers: visitors whose state is not used, for cold start or consent. The understudy
also scores everything while there is no champion, or when the champion fails.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.layout.fills.packed_fills import Provenance
from models.ranking.popularity import PopularityRanker
from models.ranking.ranker import Ranker
from schemas.errors import RankerFailed
from schemas.layouts import Reason

Floats = NDArray[np.float32]
UNDERSTUDY = PopularityRanker()
_provenance = lru_cache(maxsize=64)(Provenance)
"""Cached so that equal provenances share one object: every page kept in memory refers to one."""


def score_rows(
    ranker: Ranker | None, features: Floats, known: int, *, clipped: bool = False
) -> tuple[Floats, Reason | None]:
    """A score for each row of a feature matrix.

    Args:
        ranker: The champion; None when there is none.
        features: float32[rows, len(SPEC)].
        known: How many rows, from the first on, are of known visitors; the understudy scores the others.
        clipped: The rows of known visitors are within the champion's bounds already.

    Returns:
        float32[rows], and why the champion scored none of them: model_missing, model_failed, or None.
    """
    if ranker is None:
        return UNDERSTUDY.score(features), "model_missing"
    if not known:
        return UNDERSTUDY.score(features), None
    score = ranker.score_clipped if clipped and ranker.bounds is not None else ranker.score
    try:
        if known == len(features):
            return _score_each(score, features), None
        scores = np.empty(len(features), np.float32)
        scores[known:] = UNDERSTUDY.score(features[known:])
        scores[:known] = _score_each(score, features[:known])
    except RankerFailed:
        return UNDERSTUDY.score(features), "model_failed"
    return scores, None


def _score_each(score: Callable[[Floats], Floats], features: Floats) -> Floats:
    """Scores of a ranker, one a row: what reads them does not look at their number again."""
    scores = score(features)
    if scores.shape != (len(features),):
        raise RankerFailed(f"{list(scores.shape)} scores for {len(features)} rows")
    return scores


def provenance_of(ranker: Ranker | None, state_reason: Reason, failed: Reason | None) -> Provenance:
    """Mode, reason and model of the scores of a page.

    Args:
        ranker: The champion; None when there is none.
        state_reason: ok when the visitor's state was used, else why it was not.
        failed: From `score_rows`.

    Returns:
        Mode full by the champion, or popular by the understudy; the reason of a stranger's page is
        `state_reason`, not the failure.
    """
    if state_reason == "ok" and failed is None and ranker is not None:
        return _provenance("full", "ok", ranker.name, ranker.version, "champion")
    reason = failed if state_reason == "ok" and failed else state_reason
    return _provenance("popular", reason, UNDERSTUDY.name, UNDERSTUDY.version, "understudy")
