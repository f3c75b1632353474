"""Which modules a page can offer a visitor, what each speaks of, and how much it is wanted.

A module's score is on the scale of standardised item scores: a prior of the merchandiser, the mean of its
best items, what the visitor's last actions say for its kind, and how often they answered it before.
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
"""A page's own listing takes its slot whatever else is wanted: nobody opens a category to see bestsellers."""
HALF_ITEMS_WEIGHT = 0.15
ANSWERED_WEIGHT = 0.8
"""Between a module always answered and one never answered by this visitor."""
STRANGER_RATE = 0.1
"""Share of modules answered that we assume before we know better, worth PRIOR_TIMES showings."""
PRIOR_TIMES = 10.0
"""All weights here are an own heuristic, set by hand and not tuned on data."""


class ModuleCandidate(Struct, frozen=True, eq=False):
    """A module that can be offered: its kind, what it speaks of and how much it wants a slot."""

    module: ModulePlan
    kind: ModuleKind
    subject: int
    score: float


def rank_modules(context: PageContext, pools: CandidatePools, at: float) -> list[ModuleCandidate]:
    """The modules of a page that have something to say and enough to show, the greatest score first.

    Args:
        context: The page; its plan names the modules.
        pools: The page's candidates.
        at: Epoch seconds.

    Reference: own heuristic, not tuned on data.
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
        score = module.head_start + kind.evidence(context, at)
        if not kind.known:
            score += HALF_ITEMS_WEIGHT * pools.lead_scores[kind.pool.name]
        if kind.lists == context.plan.page:
            score += LISTING_SCORE
        if promotions:
            score += _answered(module, promotions)
        ranked.append((-score, module.code, ModuleCandidate(module, kind, subject, score)))
    ranked.sort()
    return [candidate for _, _, candidate in ranked]


def _answered(module: ModulePlan, promotions: Mapping[int, tuple[int, int]]) -> float:
    """How often this visitor answered this module, shrunk towards the stranger's rate (Beta prior)."""
    met, answered = promotions.get(label_key(module.id), (0, 0))
    if not met:
        return 0.0
    rate = (answered + STRANGER_RATE * PRIOR_TIMES) / (met + PRIOR_TIMES)
    return ANSWERED_WEIGHT * (rate - STRANGER_RATE)
