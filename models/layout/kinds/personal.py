"""Module kinds chosen by the ranker from all candidates: hero, recommended, and something different."""

from __future__ import annotations

from collections.abc import Sequence

from models.layout.context import PageContext
from models.layout.fills import NO_SUBJECT, hash_subject, subject_hash
from models.layout.kinds.kind import CandidateBatch, Mask, ModuleKind, Pool, Words
from models.storefront.view import StorefrontView

EVERYTHING = Pool("all", everything=True)


def _other_categories(batch: CandidateBatch) -> Mask:
    """Items neither of the focus category nor of the anchor's."""
    other: Mask = ~(batch.in_focus | batch.same_category)
    return other


OTHER = Pool("other", mask=_other_categories)


def _latest_subject(context: PageContext) -> int:
    """The category of the last view; none for a stranger."""
    named = context.state_reason == "ok" and context.anchor_category
    return hash_subject(context.anchor_category) if named else NO_SUBJECT


def _focus_subject(context: PageContext) -> int:
    """The focus category; none for a stranger."""
    named = context.state_reason == "ok" and context.focus_category
    return hash_subject(context.focus_category) if named else NO_SUBJECT


def _leads_and_is_half(view: StorefrontView, subject: int, rows: Sequence[int]) -> bool:
    """Whether the subject's category comes first and makes up half of the items, which a varied row seldom
    exceeds; true for other subjects."""
    if subject >= NO_SUBJECT:
        return True
    key, hashes, codes = subject_hash(subject), view.category_hashes, view.category_codes
    categories = [hashes[codes[row]] for row in rows]
    return categories[:1] == [key] and 2 * categories.count(key) >= len(categories)


KINDS = (
    ModuleKind(
        name="hero",
        pool=EVERYTHING,
        words=Words(
            "A mix of what you like",
            about="Because {it} caught your eye",
            stranger="What other shoppers like most",
        ),
        subject=_latest_subject,
        about_holds=_leads_and_is_half,
        variety=True,
        spare="by_popularity",
    ),
    ModuleKind(
        name="recommended",
        pool=EVERYTHING,
        words=Words(
            "From all that you seem to like",
            about="You seem to like {it}",
            stranger="A bit of everything that shoppers like",
        ),
        subject=_latest_subject,
        about_holds=_leads_and_is_half,
        variety=True,
        spare="by_popularity",
    ),
    ModuleKind(
        name="discover",
        pool=OTHER,
        words=Words("A change from the usual", about="A change from {it}", stranger="Others like these, too"),
        subject=_focus_subject,
        variety=True,
        spare="by_popularity",
    ),
)
