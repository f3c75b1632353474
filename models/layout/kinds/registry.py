"""The registry of module kinds: which kind a module of the storefront is."""

from __future__ import annotations

from models.layout.kinds.crowd import CROWD_KINDS
from models.layout.kinds.history import HISTORY_KINDS
from models.layout.kinds.kind import ModuleKind
from models.layout.kinds.listing import LISTING_KINDS
from models.layout.kinds.personal import PERSONAL_KINDS
from models.layout.kinds.price import PRICE_KINDS
from models.layout.kinds.related import RELATED_KINDS
from models.storefront.columns import PageColumns
from models.storefront.index import ModulePlan
from models.storefront.rules import page_rules, period_of
from models.storefront.view import StorefrontView
from schemas.storefront import PageType

FAMILIES = (PERSONAL_KINDS, RELATED_KINDS, CROWD_KINDS, PRICE_KINDS, LISTING_KINDS, HISTORY_KINDS)
KINDS: dict[str, ModuleKind] = {kind.name: kind for family in FAMILIES for kind in family}
"""Type -> kind; there is one for each type of `schemas.storefront.ModuleType`."""


def kind_of(module: ModulePlan) -> ModuleKind:
    """The kind of a module: that of its type, or the type's `without_item` when its title names no item."""
    kind = KINDS[module.type]
    return kind if kind.without_item is None or module.about == "item" else kind.without_item


def page_columns(view: StorefrontView, page: PageType, at: float) -> PageColumns:
    """The slots, modules and rules of a page at a moment (epoch seconds), made once a period of the rules.

    Raises:
        KeyError: A page type that the storefront does not have.
    """
    key = (page, period_of(view.rules, at))
    columns = view.page_columns.get(key)
    if columns is None:
        plan = view.storefront.pages[page]
        kinds = [kind_of(module) for module in plan.modules]
        columns = view.page_columns[key] = PageColumns(plan, page_rules(view.rules, page, at), kinds)
    return columns
