"""Titles and reasons, as a person would say them."""

from __future__ import annotations

from models.layout.fills import NO_SUBJECT, subject_hash
from models.layout.kinds.kind import Words
from models.storefront.index import ModulePlan
from models.storefront.view import StorefrontView
from schemas.layouts import Reason

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


def reason_of(words: Words, name: str, personal: bool, *, holds: bool = True) -> str:
    """Why the module is there, to its reader; without `holds` its items are not all that it speaks of."""
    if not holds:
        if words.mixed:
            return words.mixed
        name = ""
    text = words.reason if not name else words.about or words.reason
    if not personal:
        text = words.stranger or text
    return text.replace("{it}", name) if name else text.replace(" of {it}", "")
