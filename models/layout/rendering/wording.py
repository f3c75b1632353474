"""The wording of modules: which title and which reason a shopper reads."""

from __future__ import annotations

from models.layout.fills.page_fills import NO_SUBJECT, subject_hash
from models.layout.kind_traits import Words
from models.storefront.index import ModulePlan
from models.storefront.view import StorefrontView
from schemas.layouts import Reason

PERSONAL_REASONS: frozenset[Reason] = frozenset({"ok", "model_failed", "model_missing", "budget"})
"""Reasons of layouts that the visitor's state went into; all others are a stranger's."""


def subject_name(view: StorefrontView, module: ModulePlan, subject: int, query: str) -> str:
    """The name of what a module is about.

    Args:
        view: The view whose rows an item subject is of.
        module: One about the query has its text for a name.
        subject: See Fill.
        query: The text of a search page.

    Returns:
        An item's title, a category, a brand or the query; "" for nothing, or a hash the shop does not know.
    """
    if module.about == "query":
        return query
    if subject == NO_SUBJECT:
        return ""
    if subject >= 0:
        return view.titles[subject]
    key = subject_hash(subject)
    return view.category_names.get(key) or view.brand_names.get(key) or ""


def title_of(module: ModulePlan, name: str, personal: bool) -> str:
    """The title of a module.

    Args:
        module: Its title, or the one it has for strangers.
        name: The subject's name, put in for the placeholder.
        personal: Whether the visitor's state was used; without, the reader is a stranger.
    """
    if not personal and module.stranger_title:
        return module.stranger_title
    if not module.about:
        return module.title
    title = module.title.replace(f"{{{module.about}}}", name)
    return title[:1].upper() + title[1:]


def reason_of(words: Words, name: str, personal: bool, *, about_holds: bool = True) -> str:
    """Why the module is there.

    Args:
        words: The texts of its kind.
        name: The subject's name; "" for none.
        personal: Whether the visitor's state was used.
        about_holds: Whether its items are what the texts say of the subject; without, no text names it.
    """
    if not about_holds:
        if words.mixed:
            return words.mixed
        name = ""
    text = words.reason if not name else words.about or words.reason
    if not personal:
        text = words.stranger or text
    return text.replace("{it}", name) if name else text.replace(" of {it}", "")
