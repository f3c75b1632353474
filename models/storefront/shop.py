"""The Shop: items with their crowd signals, and the storefront, checked and indexed, as one immutable value.

Which parts of an earlier Shop a newer one shares: the view, as long as catalogue and storefront are the same.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from models.catalog.build import build_items
from models.catalog.table import ItemTable
from models.storefront.defaults import DEFAULT_STOREFRONT
from models.storefront.edition import FIRST, Edition
from models.storefront.index import StorefrontIndex, index_storefront
from models.storefront.view import StorefrontView, build_view, is_current
from schemas.storefront import Storefront

EARLIER_MAX = 4
"""Earlier views that a Shop keeps alive."""


class Shop(Struct, frozen=True, eq=False, kw_only=True):
    """Everything a page is made of, apart from the visitor and the rankers.

    Attributes:
        items: The item table with its crowd signals.
        storefront: Pages, slots, modules and rules.
        generation: Rises with every change of what was read; processes that read equally far have the same.
        built_at: Epoch seconds.
        view: Of `items` and `storefront`.
        earlier_views: The views before it, newest first, at most EARLIER_MAX: fills made from them can still
            be translated, so that a visitor's page stays stable over a change.
        edition: How far storefront and catalogue were read.
        since: The edition in which the storefront and the catalogue used here began to be used: a layout of
            an earlier edition may show what is gone by now.
    """

    items: ItemTable
    storefront: StorefrontIndex
    generation: int
    built_at: float
    view: StorefrontView
    earlier_views: tuple[StorefrontView, ...] = ()
    edition: Edition = FIRST
    since: Edition = FIRST


def build_shop(
    items: ItemTable,
    storefront: Storefront | StorefrontIndex = DEFAULT_STOREFRONT,
    *,
    generation: int = 0,
    built_at: float = 0.0,
    edition: Edition = FIRST,
) -> Shop:
    """A Shop from its parts.

    Args:
        items: The item table.
        storefront: A document, or its index.
        generation: See Shop.
        built_at: Epoch seconds.
        edition: See Shop; also the edition it is used since.

    Raises:
        InvalidDocument: The storefront is wrong; it names the field.
    """
    index = index_storefront(storefront) if isinstance(storefront, Storefront) else storefront
    return Shop(
        items=items,
        storefront=index,
        generation=generation,
        built_at=built_at,
        view=build_view(items, index),
        edition=edition,
        since=edition,
    )


def empty_shop() -> Shop:
    """A Shop without items, with the default storefront."""
    return build_shop(build_items([], {}, 0.0))


def with_items(
    shop: Shop, items: ItemTable, *, generation: int, built_at: float, edition: Edition = FIRST
) -> Shop:
    """A Shop with newer items or signals.

    Args:
        shop: The Shop before it; it stays as it was.
        items: When their catalogue equals that of `shop` (only signals changed), view and `since` are kept.
        generation: See Shop.
        built_at: Epoch seconds.
        edition: How far the topics were read by now.
    """
    newer = replace(shop, items=items, generation=generation, built_at=built_at, edition=edition)
    if is_current(shop.view, items, shop.storefront):
        return newer
    return replace(
        newer,
        view=build_view(items, shop.storefront),
        earlier_views=_earlier_views(shop),
        since=Edition(shop.since.storefront, edition.catalogue),
    )


def with_storefront(
    shop: Shop,
    storefront: Storefront | StorefrontIndex,
    *,
    generation: int,
    built_at: float,
    edition: Edition = FIRST,
) -> Shop:
    """A Shop with another storefront.

    Args:
        shop: The Shop before it; it stays as it was, also when the storefront is refused.
        storefront: A document, or its index.
        generation: See Shop.
        built_at: Epoch seconds.
        edition: How far the topics were read by now.

    Raises:
        InvalidDocument: The storefront is wrong; it names the field.
    """
    newer = build_shop(shop.items, storefront, generation=generation, built_at=built_at, edition=edition)
    return replace(
        newer,
        earlier_views=_earlier_views(shop),
        since=Edition(edition.storefront, shop.since.catalogue),
    )


def _earlier_views(shop: Shop) -> tuple[StorefrontView, ...]:
    return (shop.view, *shop.earlier_views)[:EARLIER_MAX]
