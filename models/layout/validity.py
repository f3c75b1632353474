"""Whether a stored layout may still be shown: the shop may have changed since the visitor's last event.

A layout of an earlier storefront, or of before a rule began or ended, must be decided anew: no score
overrules a merchandiser, and neither does a layout stored before the rule. A layout of an earlier catalogue
only if an item it shows is gone, sold out or excluded by now, for stock changes all the time (DESIGN,
decision 21).
"""

from __future__ import annotations

from models.layout.fills.packed_fills import fills_of_body
from models.layout.rendering.fields import as_of_of, body_of, field_of, looks_whole
from models.storefront.edition import Edition
from models.storefront.rules import RuleBook, page_rules, period_of
from models.storefront.shop import Shop
from schemas.storefront import PageType

Mark = tuple[Edition, int]
"""(edition since which storefront and catalogue are used, period of the rules)."""


def mark_of(shop: Shop, at: float) -> Mark:
    """A value that changes whenever stored layouts may have become invalid; `at` in epoch seconds."""
    return shop.since, period_of(shop.view.rules, at)


def still_valid(shop: Shop, page: PageType, layout: bytes, at: float) -> bool:
    """Whether a stored layout may be shown.

    Args:
        shop: The Shop now.
        page: The page type of the layout.
        layout: The whole stored answer, head and body.
        at: Now, epoch seconds.

    Returns:
        False also for a layout without an edition, for bytes that are cut short or no layout, and for items
        that cannot be read when they must be.

    Raises:
        ValueError: The bytes name an edition, but are no layout otherwise.
    """
    made = Edition.parse(field_of(layout, b"edition"))
    if made is None or made.storefront < shop.since.storefront or not looks_whole(layout):
        return False
    if _rules_changed(shop.view.rules, layout, at):
        return False
    return made.catalogue >= shop.since.catalogue or _may_show_all(shop, page, layout, at)


def _rules_changed(book: RuleBook, layout: bytes, at: float) -> bool:
    """Whether a rule began or ended since the layout's last event, when it was decided or confirmed."""
    if not book.edges:
        return False
    as_of = as_of_of(layout)
    return as_of is None or period_of(book, as_of) != period_of(book, at)


def _may_show_all(shop: Shop, page: PageType, layout: bytes, at: float) -> bool:
    fills = fills_of_body(body_of(layout))
    if fills is None or fills.texts is None:
        return False
    allowed, find = page_rules(shop.view.rules, page, at).allowed, shop.items.row_by_id.get
    rows = [find(item, -1) for _, _, items in fills.texts.fills for item in items]
    return -1 not in rows and bool(allowed[rows].all())
