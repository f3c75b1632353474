"""Module ranking: which modules a page can offer a visitor, what each is about, and in which order they come.

A module's score is on the scale of standardised item scores. It adds the merchandiser's prior, the lead score
of its items, the evidence of the visitor's last actions for its kind, and how often the visitor answered it.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from models.layout.context import PageContext
from models.layout.fills import NO_SUBJECT
from models.layout.kinds.kind import ModuleKind
from models.layout.kinds.registry import kind_of
from models.layout.pools import CandidatePools
from models.storefront.index import ModulePlan
from models.visitor.affinities import label_key

LISTING_SCORE = 100.0
"""Added for a page's own listing, which so comes first: nobody opens a category to see bestsellers."""
LEAD_WEIGHT = 0.15
"""Weight of a pool's lead score, which is the sum of two item scores: 0.3 of their mean."""
ANSWER_WEIGHT = 0.8
"""Difference of score between a module always answered and one never answered by this visitor."""
PRIOR_ANSWER_RATE = 0.1
"""Prior share of showings that are answered, assumed before there is evidence."""
PRIOR_SHOWINGS = 10.0
"""Weight of that prior, in showings. All weights here are an own heuristic, not tuned on data."""


class ModuleCandidate(Struct, frozen=True, eq=False):
    """A module that can be offered: its kind, its subject (see Fill) and its score."""

    module: ModulePlan
    kind: ModuleKind
    subject: int
    score: float


def rank_modules(context: PageContext, pools: CandidatePools, at: float) -> list[ModuleCandidate]:
    """The modules of a page that can be offered, the highest score first; equal scores by number.

    A module is offered when its pool holds its minimum of items, it has a subject if its title names one, and
    the visitor did not dismiss it.

    Args:
        context: The page; its plan names the modules.
        pools: The page's candidates.
        at: Now, epoch seconds.

    Complexity: O(modules log modules).

    Reference: Own heuristic, not tuned on data.
    """
    state = context.state
    promotions, dismissed = state.promotions, state.dismissed
    counts = pools.counts
    ranked = []
    for module in context.plan.modules:
        kind = kind_of(module)
        if counts.get(kind.pool.name, 0) < max(1, module.items_min):
            continue
        subject = kind.subject(context)
        if subject == NO_SUBJECT and module.about:
            continue
        if dismissed and label_key(module.id) in dismissed:
            continue
        score = module.prior_score + kind.evidence(context, at)
        if not kind.known:
            score += LEAD_WEIGHT * pools.lead_scores[kind.pool.name]
        if kind.lists == context.plan.page:
            score += LISTING_SCORE
        if promotions:
            score += _answer_score(module, promotions)
        ranked.append((-score, module.code, ModuleCandidate(module, kind, subject, score)))
    ranked.sort()
    return [candidate for _, _, candidate in ranked]


def _answer_score(module: ModulePlan, promotions: Mapping[int, tuple[int, int]]) -> float:
    """How far this visitor's rate of answering the module is from the prior rate; 0 when never shown.

    The rate is the posterior mean under a Beta prior with mean PRIOR_ANSWER_RATE and weight PRIOR_SHOWINGS.
    """
    shown, answered = promotions.get(label_key(module.id), (0, 0))
    if not shown:
        return 0.0
    rate = (answered + PRIOR_ANSWER_RATE * PRIOR_SHOWINGS) / (shown + PRIOR_SHOWINGS)
    return ANSWER_WEIGHT * (rate - PRIOR_ANSWER_RATE)
