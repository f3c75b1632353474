"""Which modules a page can offer a visitor, what each speaks of, and how much it wants a slot.

A wish is on the scale of standardised scores: a prior of the merchandiser, the mean of the module's best
items, what the visitor's last actions say for such a module, and how often they answered it before.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp

from msgspec import Struct

from models.layout.context import PageContext
from models.layout.fills import NO_SUBJECT, hash_subject
from models.layout.pools import CandidatePools
from models.storefront.index import LISTS, Kind, ModulePlan
from models.visitor.affinities import label_key

LISTINGS: frozenset[tuple[str, Kind]] = frozenset({("category", "category"), ("search", "results")})
"""What a page is for: it lists everything, also what was looked at before..."""
LISTING_SCORE = 100.0
"""...and takes its slot whatever else is wanted: nobody opens a category to see the bestsellers."""
HALF_ITEMS_WEIGHT = 0.15
JUST_LOOKED = 1.2
"""For what answers the click just made; gone after some minutes."""
JUST_LOOKED_S = 600.0
CART_WEIGHT = 0.6
HESITATION_WEIGHT = 0.5
RECENT_WEIGHT = 0.1
ANSWERED_WEIGHT = 0.8
"""Between a module always answered and one never answered by this visitor."""
STRANGER_RATE = 0.1
"""Share of modules answered that we assume before we know better, worth PRIOR_TIMES showings."""
PRIOR_TIMES = 10.0


class ModuleCandidate(Struct, frozen=True, eq=False):
    """A module that can be offered: what it speaks of and how much it wants a slot."""

    module: ModulePlan
    subject: int
    score: float


def rank_modules(context: PageContext, pools: CandidatePools, at: float) -> list[ModuleCandidate]:
    """The modules that have something to say and enough to show, the greatest wish first."""
    subjects, evidence = _subjects(context), _evidence(context, at)
    promotions, dismissed = context.state.promotions, context.state.dismissed
    counts, lead_scores = pools.counts, pools.lead_scores
    ranked = []
    for module in context.plan.modules:
        kind = module.kind
        if counts.get(kind, 0) < max(1, module.items_min):
            continue
        subject = subjects.get(kind, NO_SUBJECT)
        if subject == NO_SUBJECT and module.about:
            continue
        if dismissed and label_key(module.id) in dismissed:
            continue
        score = module.head_start + evidence.get(kind, 0.0)
        if kind not in LISTS:
            score += HALF_ITEMS_WEIGHT * lead_scores[kind]
        if (context.plan.page, kind) in LISTINGS:
            score += LISTING_SCORE
        if promotions:
            score += _affinity(module, promotions)
        ranked.append((-score, module.code, ModuleCandidate(module, subject, score)))
    ranked.sort()
    return [candidate for _, _, candidate in ranked]


def _subjects(context: PageContext) -> dict[Kind, int]:
    """What modules of each kind speak of; a kind that is missing speaks of nothing in particular."""
    focus = hash_subject(context.focus) if context.focus else NO_SUBJECT
    anchor = context.anchor
    subjects: dict[Kind, int] = {"near": anchor, "finer": anchor, "cheaper": anchor, "category": focus}
    subjects["together"] = _basket(context)
    if context.why == "ok":
        subjects["all"] = hash_subject(context.latest) if context.latest else NO_SUBJECT
        subjects["other"] = focus
    if context.query:
        subjects["results"] = hash_subject(label_key(context.query))
    return subjects


def _basket(context: PageContext) -> int:
    """What others bought the "together" items with: item of the page, of the cart, last bought."""
    if context.plan.page in ("product", "cart"):
        return context.anchor
    return next(iter((*context.cart, *context.owned[:1])), NO_SUBJECT)


def _evidence(context: PageContext, at: float) -> dict[Kind, float]:
    """What the last actions say for a kind."""
    state = context.state
    evidence: dict[Kind, float] = {"recent": RECENT_WEIGHT * min(len(context.recent), 6)}
    if state.recent and context.plan.page == "home":
        evidence["near"] = JUST_LOOKED * exp(-max(0.0, at - state.recent[0].at) / JUST_LOOKED_S)
    if state.cart:
        evidence["together"] = evidence["cart"] = CART_WEIGHT
    if state.returns_to_item or state.carts_left:
        evidence["cheaper"] = HESITATION_WEIGHT * min(1.0, (state.returns_to_item + state.carts_left) / 3)
    return evidence


def _affinity(module: ModulePlan, promotions: Mapping[int, tuple[int, int]]) -> float:
    """How often this visitor answered this module, shrunk towards the stranger's rate."""
    met, answered = promotions.get(label_key(module.id), (0, 0))
    if not met:
        return 0.0
    rate = (answered + STRANGER_RATE * PRIOR_TIMES) / (met + PRIOR_TIMES)
    return ANSWERED_WEIGHT * (rate - STRANGER_RATE)
