"""Titles and reasons, as a person would say them."""

from __future__ import annotations

from models.fills import NO_SUBJECT, subject_hash
from models.storefront_index import ModulePlan
from models.window import Window
from schemas.layouts import Reason
from schemas.storefront import ModuleType, PageType

# {it} is what the module speaks of. The first text is used when there is no such thing.
_REASONS: dict[ModuleType, tuple[str, str]] = {
    "hero": ("Chosen from what you like", "Because you are looking at {it}"),
    "recommended": ("Based on what you like", "Because you are looking at {it}"),
    "because_you_viewed": ("Close to what you looked at", "Because you looked at {it}"),
    "bought_together": ("Others bought these too", "Others bought these with {it}"),
    "trending": ("Trending today", "Trending today"),
    "recently_viewed": ("You looked at these", "You looked at these"),
    "step_up": ("One step finer", "One step finer than {it}"),
    "better_price": ("Good prices today", "Much like {it}, for less"),
    "new_arrivals": ("Just arrived", "New in {it}"),
    "popular": ("What most shoppers choose", "What most shoppers choose"),
    "from_cart": ("Waiting in your cart", "Waiting in your cart"),
    "search_results": ("What matches your words", "What matches your words"),
    "category_grid": ("The best of this category", "The best of {it}, for you"),
    "discover": ("A change from the usual", "A change from {it}"),
}

_STRANGER: dict[ModuleType, str] = {
    "hero": "What shoppers like most right now",
    "recommended": "What shoppers like most right now",
    "category_grid": "The best of {it}",
    "discover": "What shoppers like, too",
}
"""Reasons when nothing about the visitor was used: they claim no knowledge."""

PERSONAL_REASONS: frozenset[Reason] = frozenset({"ok", "model_failed", "model_missing", "budget"})
"""Reasons of layouts that the visitor's state went into."""


def subject_name(window: Window, module: ModulePlan, subject: int, query: str) -> str:
    """The words for what a module speaks of; "" for nothing."""
    if module.about == "query":
        return query
    if subject == NO_SUBJECT:
        return ""
    if subject >= 0:
        return window.titles[subject]
    key = subject_hash(subject)
    return window.category_names.get(key) or window.brand_names.get(key) or ""


def title_of(module: ModulePlan, name: str) -> str:
    if not module.about:
        return module.title
    title = module.title.replace(f"{{{module.about}}}", name)
    return title[:1].upper() + title[1:]


_PRODUCT: dict[ModuleType, str] = {
    "because_you_viewed": "Close to what you are looking at",
    "bought_together": "Others bought these with it",
    "recommended": "Based on what you like",
}
"""Reasons on a product's own page, whose item needs no name."""


def reason_of(module: ModulePlan, name: str, page: PageType, personal: bool) -> str:
    """Why the module is there, to its reader."""
    text = None if personal else _STRANGER.get(module.type)
    if text is None and page == "product":
        text = _PRODUCT.get(module.type)
    if text is None:
        text = _REASONS[module.type][1 if name else 0]
    return text.replace("{it}", name) if name else text.replace(" of {it}", "")
