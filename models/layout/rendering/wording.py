"""Titles and reasons, as a person would say them."""

from __future__ import annotations

from models.layout.fills import NO_SUBJECT, subject_hash
from models.storefront.index import ModulePlan
from models.storefront.view import StorefrontView
from schemas.layouts import Reason
from schemas.storefront import ModuleType

# {it} is what the module speaks of. The first text is used when there is no such thing. A reason says how the
# items were chosen, which a title does not.
_REASONS: dict[ModuleType, tuple[str, str]] = {
    "hero": ("A mix of what you like", "Because {it} caught your eye"),
    "recommended": ("From all that you seem to like", "You seem to like {it}"),
    "because_you_viewed": (
        "Close to what you looked at",
        "The same kind of thing, your likely favourites first",
    ),
    "bought_together": ("From other shoppers' baskets", "Others bought these with {it}"),
    "trending": ("Most looked at in the last few hours", "Most looked at in the last few hours"),
    "recently_viewed": ("So that you find your way back", "So that you find your way back"),
    "step_up": ("The same kind of thing, one step finer", "The same kind of thing, one step finer"),
    "better_price": ("Below their usual price", "The same kind of thing at a lower price"),
    "new_arrivals": ("The newest in the shop", "The newest in {it}"),
    "popular": ("What shoppers looked at most this week", "What shoppers looked at most this week"),
    "from_cart": ("Ready when you are", "Ready when you are"),
    "search_results": ("Best matches first", "Best matches first"),
    "category_grid": ("Your likely favourites first", "Your likely favourites first"),
    "discover": ("A change from the usual", "A change from {it}"),
}

_STRANGER: dict[ModuleType, str] = {
    "hero": "What other shoppers like most",
    "recommended": "A bit of everything that shoppers like",
    "because_you_viewed": "The same kind of thing, shoppers' favourites first",
    "category_grid": "Shoppers' favourites first",
    "discover": "Others like these, too",
}
"""Reasons when nothing about the visitor was used: they claim no knowledge."""

_BESIDE: dict[ModuleType, str] = {"because_you_viewed": "Others looked at these together with it"}
"""Reasons when most items are not of the kind that the other texts claim; true for strangers too."""

PERSONAL_REASONS: frozenset[Reason] = frozenset({"ok", "model_failed", "model_missing", "budget"})
"""Reasons of layouts that the visitor's state went into."""


def subject_name(view: StorefrontView, module: ModulePlan, subject: int, query: str) -> str:
    """The words for what a module speaks of; "" for nothing."""
    if module.about == "query":
        return query
    if subject == NO_SUBJECT:
        return ""
    if subject >= 0:
        return view.titles[subject]
    key = subject_hash(subject)
    return view.category_names.get(key) or view.brand_names.get(key) or ""


def title_of(module: ModulePlan, name: str, personal: bool) -> str:
    """The module's title, to its reader; one about whom nothing was used may have a title of their own."""
    if not personal and module.stranger_title:
        return module.stranger_title
    if not module.about:
        return module.title
    title = module.title.replace(f"{{{module.about}}}", name)
    return title[:1].upper() + title[1:]


def reason_of(module: ModulePlan, name: str, personal: bool, *, as_said: bool = True) -> str:
    """Why the module is there, to its reader; without `as_said` its items are not all that it speaks of."""
    if not as_said:
        if module.type in _BESIDE:
            return _BESIDE[module.type]
        name = ""
    text = None if personal else _STRANGER.get(module.type)
    if text is None:
        text = _REASONS[module.type][1 if name else 0]
    return text.replace("{it}", name) if name else text.replace(" of {it}", "")
