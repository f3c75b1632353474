"""A shop after its merchandisers pushed something."""

from __future__ import annotations

from collections.abc import Callable

from models.catalog.build import build_items
from models.storefront.edition import Edition
from models.storefront.shop import Shop, with_items, with_storefront
from schemas.catalog import Item
from schemas.storefront import RuleDef, Storefront


def push_rules(shop: Shop, *rules: RuleDef) -> Shop:
    """The shop after a push of a storefront with these rules."""
    edition = Edition(shop.edition.storefront + 1, shop.edition.catalogue)
    storefront = Storefront(rules=list(rules))
    return with_storefront(shop, storefront, generation=2, built_at=shop.built_at, edition=edition)


def push_items(shop: Shop, change: Callable[[Item], Item | None]) -> Shop:
    """The shop after a push of every item, changed; None removes one."""
    items = [new for item in shop.items.items if (new := change(item)) is not None]
    edition = Edition(shop.edition.storefront, shop.edition.catalogue + 1)
    table = build_items(items, {}, shop.built_at)
    return with_items(shop, table, generation=2, built_at=shop.built_at, edition=edition)
