"""Which modules a page can offer a visitor, what each speaks of, and how much it wants a slot.

A module shows items of one shelf (its kind). Its wish is on the scale of standardised scores: the mean of
its best items, a prior of the merchandiser, and what the visitor's last actions say for such a module.
"""

from __future__ import annotations

from math import exp
from typing import Literal

from models.fills import NO_SUBJECT, hash_subject
from models.scenes import Scene
from models.storefront_index import ModulePlan
from models.tastes import label_key
from schemas.ids import hash32

Kind = Literal[
    "all", "near", "together", "trending", "finer", "cheaper", "reduced", "new", "popular", "category",
    "results", "other", "recent", "cart",
]  # fmt: skip

PRIOR_WEIGHT = 2.0
ITEMS_WEIGHT = 0.3
JUST_LOOKED = 1.2
"""For what answers the click just made; gone after some minutes."""
JUST_LOOKED_S = 600.0
CART_WEIGHT = 0.6
HESITATION_WEIGHT = 0.5
ANSWERED_WEIGHT = 0.8
"""Between a module always answered and one never answered by this visitor."""
STRANGER_RATE = 0.1
"""Share of modules answered that we assume before we know better, worth PRIOR_TIMES showings."""
PRIOR_TIMES = 10.0

_KINDS: dict[str, Kind] = {
    "hero": "all",
    "recommended": "all",
    "because_you_viewed": "near",
    "bought_together": "together",
    "trending": "trending",
    "recently_viewed": "recent",
    "step_up": "finer",
    "new_arrivals": "new",
    "popular": "popular",
    "from_cart": "cart",
    "search_results": "results",
    "category_grid": "category",
    "discover": "other",
}


def kind_of(module: ModulePlan) -> Kind:
    """The shelf a module takes from; a better price that speaks of no item means reduced items."""
    if module.type == "better_price":
        return "cheaper" if module.about == "item" else "reduced"
    return _KINDS[module.type]


def subject_of(module: ModulePlan, kind: Kind, scene: Scene) -> int | None:
    """What the module would speak of; None when its title needs something that is not there."""
    if kind in ("near", "finer", "cheaper"):
        return scene.anchor if scene.anchor >= 0 else None
    if kind == "together":
        return scene.anchor if module.about == "item" and scene.anchor >= 0 else NO_SUBJECT
    if kind == "category":
        return scene.focus_subject if scene.focus else None
    if kind == "results":
        return hash_subject(hash32(scene.ask.q)) if scene.ask.q else None
    if kind in ("all", "other") and scene.why == "ok":
        return scene.focus_subject
    return NO_SUBJECT


def wish(module: ModulePlan, kind: Kind, scene: Scene, best: float, at: float) -> float:
    """How much the module wants a slot; `best` is the mean standardised score of its best items."""
    return (
        PRIOR_WEIGHT * module.prior
        + ITEMS_WEIGHT * best
        + _evidence(kind, scene, at)
        + _affinity(module, scene)
    )


def dismissed(module: ModulePlan, scene: Scene) -> bool:
    """Whether the visitor sent this module away."""
    return bool(scene.state.dismissed) and label_key(module.id) in scene.state.dismissed


def _evidence(kind: Kind, scene: Scene, at: float) -> float:
    state = scene.state
    if kind == "near" and scene.ask.page == "home" and state.recent:
        return JUST_LOOKED * exp(-max(0.0, at - state.recent[0].at) / JUST_LOOKED_S)
    if kind in ("together", "cart") and state.cart:
        return CART_WEIGHT
    if kind == "cheaper":
        return HESITATION_WEIGHT * min(1.0, (state.returns_to_item + state.carts_left) / 3)
    if kind == "recent":
        return 0.1 * min(len(scene.recent), 6)
    return 0.0


def _affinity(module: ModulePlan, scene: Scene) -> float:
    """How often this visitor answered this module, shrunk towards the stranger's rate."""
    met, answered = scene.state.promotions.get(label_key(module.id), (0, 0))
    if not met:
        return 0.0
    rate = (answered + STRANGER_RATE * PRIOR_TIMES) / (met + PRIOR_TIMES)
    return ANSWERED_WEIGHT * (rate - STRANGER_RATE)
