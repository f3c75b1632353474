"""One immutable snapshot that decisions are made from: items with their signals, storefront, ranker.

A process holds one reference to the newest Shop and swaps it between decisions, so none mixes two.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from models.catalog.build import build_items
from models.catalog.table import ItemTable
from models.ranking.ranker import Ranker
from models.storefront.defaults import DEFAULT_STOREFRONT
from models.storefront.edition import FIRST, Edition
from models.storefront.index import StorefrontIndex, index_storefront
from models.storefront.view import StorefrontView, build_view, fits
from schemas.storefront import Storefront


class Shop(Struct, frozen=True, eq=False, kw_only=True):
    """`generation` rises with every change of what was read; processes that read as far have the same."""

    items: ItemTable
    storefront: StorefrontIndex
    ranker: Ranker | None
    generation: int
    built_at: float
    view: StorefrontView
    earlier: tuple[StorefrontView, ...] = ()
    """The last windows before this one: content shown from them can still be read, and kept calm."""
    edition: Edition = FIRST
    """How far storefront and catalogue were read..."""
    since: Edition = FIRST
    """...and where what is used of them began: a layout of an earlier edition may show what is no more."""


EARLIER_MAX = 4


def build_shop(
    items: ItemTable,
    storefront: Storefront | StorefrontIndex = DEFAULT_STOREFRONT,
    ranker: Ranker | None = None,
    *,
    generation: int = 0,
    built_at: float = 0.0,
    edition: Edition = FIRST,
) -> Shop:
    """A Shop from its parts; InvalidDocument, naming the field, when the storefront is wrong."""
    index = index_storefront(storefront) if isinstance(storefront, Storefront) else storefront
    return Shop(
        items=items,
        storefront=index,
        ranker=ranker,
        generation=generation,
        built_at=built_at,
        view=build_view(items, index),
        edition=edition,
        since=edition,
    )


def empty_shop(ranker: Ranker | None = None) -> Shop:
    """A Shop without items: every page it decides is the static one."""
    return build_shop(build_items([], {}, 0.0), ranker=ranker)


def with_items(
    shop: Shop, items: ItemTable, *, generation: int, built_at: float, edition: Edition = FIRST
) -> Shop:
    """The shop with newer items or signals; what only the catalogue decides is kept when it stayed."""
    newer = replace(shop, items=items, generation=generation, built_at=built_at, edition=edition)
    if fits(shop.view, items, shop.storefront):
        return newer
    return replace(
        newer,
        view=build_view(items, shop.storefront),
        earlier=_earlier(shop),
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
    """The shop with another storefront; InvalidDocument when it is wrong, and `shop` is as it was."""
    built = build_shop(
        shop.items, storefront, shop.ranker, generation=generation, built_at=built_at, edition=edition
    )
    return replace(built, earlier=_earlier(shop), since=Edition(edition.storefront, shop.since.catalogue))


def _earlier(shop: Shop) -> tuple[StorefrontView, ...]:
    return (shop.view, *shop.earlier)[:EARLIER_MAX]
