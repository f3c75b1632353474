"""Scoring: which ranker scores a page.

The champion (the ranker that serves) scores pages of known visitors, the understudy (the fallback ranker,
popularity) those of strangers: visitors whose state is not used, for cold start or consent. The understudy
also scores everything while there is no champion, or when the champion fails.
"""

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
"""Cached so that equal provenances share one object: every page kept in memory refers to one."""


class Scored(Struct, frozen=True, eq=False):
    """Scores of a page's candidates, in their order.

    Attributes:
        scores: float32[candidates], higher is better, on the scale of the ranker.
        features: float32[candidates, len(SPEC)], as computed: the ranker clips a copy to its bounds.
        provenance: Mode, reason and model of the scores.
    """

    scores: Floats
    features: Floats
    provenance: Provenance


def score_contexts(snapshot: Snapshot, contexts: Sequence[PageContext], at: float) -> list[Scored]:
    """Scores the candidates of many pages.

    Args:
        snapshot: Its feature index and rankers are used.
        contexts: The pages.
        at: Now, epoch seconds.

    Returns:
        The scores of each page, in order. A ranker's failure is not raised: it is in the provenance.

    Complexity: One feature matrix for all pages, and one run of the champion for those of known visitors.
    """
    batch = Batch(
        snapshot.features,
        [context.state for context in contexts],
        [context.candidates for context in contexts],
        [context.request.page for context in contexts],
        at,
    )
    features, ranker = matrix(batch), snapshot.ranker
    known = np.array([context.state_reason == "ok" for context in contexts])
    scores, failed = score_rows(ranker, features, known.repeat(batch.counts))
    pages = zip(
        contexts,
        split_by_visitor(scores, batch.counts),
        split_by_visitor(features, batch.counts),
        strict=True,
    )
    return [
        Scored(page_scores, page_features, provenance_of(ranker, context.state_reason, failed))
        for context, page_scores, page_features in pages
    ]


def score_rows(
    ranker: Ranker | None, features: Floats, known: NDArray[np.bool_]
) -> tuple[Floats, Reason | None]:
    """A score for each row of a feature matrix.

    Args:
        ranker: The champion; None when there is none.
        features: float32[rows, len(SPEC)].
        known: bool[rows], whether the row's visitor is known; the understudy scores the others.

    Returns:
        float32[rows], and why the champion scored none of them: model_missing, model_failed, or None.
    """
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


def model_tag(provenance: Provenance, generation: int) -> ModelTag:
    """The tag of a layout: who ranked, and the generation of the Shop."""
    return ModelTag(
        name=provenance.model, version=provenance.model_version, generation=generation, role=provenance.role
    )
