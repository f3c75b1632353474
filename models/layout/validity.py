"""Whether a stored layout may still be shown: the shop may have moved on since the visitor's last event.

No score outvotes a merchandiser, and neither does a layout that was stored before the rule. So one of an
earlier storefront, or of before a campaign's begin or end, is decided anew; one of an earlier catalogue only
if it shows what is gone, sold out or excluded by now: stock moves all the time.
"""

from __future__ import annotations

from models.layout.fills import fills_of_body
from models.layout.rendering.fields import as_of_of, body_of, field_of
from models.storefront.edition import Edition
from models.storefront.rules import RuleBook, page_rules, period_of
from models.storefront.shop import Shop
from schemas.storefront import PageType

Mark = tuple[Edition, int]


def mark_of(shop: Shop, at: float) -> Mark:
    """Changes whenever stored layouts may have become invalid; `at` in epoch seconds."""
    return shop.since, period_of(shop.view.rules, at)


def still_valid(shop: Shop, page: PageType, layout: bytes, at: float) -> bool:
    """Whether a stored layout of a page may be shown at a moment (epoch seconds)."""
    made = Edition.parse(field_of(layout, b"edition"))
    if made is None or made.storefront < shop.since.storefront:
        return False
    if _campaigns_moved(shop.view.rules, layout, at):
        return False
    return made.catalogue >= shop.since.catalogue or _all_allowed(shop, page, layout, at)


def _campaigns_moved(book: RuleBook, layout: bytes, at: float) -> bool:
    """Whether a rule began or ended since the layout's last event, when it was decided or confirmed."""
    if not book.edges:
        return False
    as_of = as_of_of(layout)
    return as_of is None or period_of(book, as_of) != period_of(book, at)


def _all_allowed(shop: Shop, page: PageType, layout: bytes, at: float) -> bool:
    fills = fills_of_body(body_of(layout))
    if fills is None or fills.texts is None:
        return False
    allowed, find = page_rules(shop.view.rules, page, at).allowed, shop.items.row_by_id.get
    rows = [find(item, -1) for _, _, items in fills.texts.fills for item in items]
    return -1 not in rows and bool(allowed[rows].all())
