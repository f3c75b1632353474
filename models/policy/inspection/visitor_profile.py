"""A visitor's state in words a person can read: the shop's names in the place of hashes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import expm1
from typing import get_args

from msgspec import Struct

from models.storefront.shop import Shop
from models.visitor.state import PURPOSES, VisitorState, read_consent
from schemas.events import Channel, Device
from schemas.ids import Version, hash32

CHANNELS, DEVICES = get_args(Channel), get_args(Device)


class Affinity(Struct, frozen=True):
    """One affinity: `weight` is its share of all affinities of its kind, 0 to 1."""

    name: str
    weight: float


class KnownItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item named in a state; without id when it has left the catalogue. `at` in epoch seconds."""

    id: str | None = None
    title: str | None = None
    at: int | None = None
    views: int | None = None
    quantity: int | None = None


class VisitorProfile(Struct, frozen=True, kw_only=True):
    """A visitor's state. Times in epoch seconds, money in the shop's currency."""

    visitor_id: str
    version: str
    at: int
    first_at: int
    events: int
    sessions: int
    session_events: int
    orders: int
    spent: float
    usual_price: float | None
    categories: list[Affinity]
    now_categories: list[Affinity]
    brands: list[Affinity]
    colours: list[Affinity]
    recent: list[KnownItem]
    wishlist: list[KnownItem]
    cart: list[KnownItem]
    bought: list[KnownItem]
    searches: int
    shares: int
    channels: dict[str, int]
    devices: dict[str, int]
    returns_to_item: int
    carts_left: int
    consent: dict[str, bool]


def build_profile(visitor: str, partition: int, state: VisitorState, shop: Shop) -> VisitorProfile:
    """The profile of a visitor, in O(items of the catalogue).

    Args:
        visitor: `u:` or `a:` and an id.
        partition: of the events topic, that the visitor's records are in.
        state: what is stored of the visitor.
        shop: where names come from. An affinity without a name is left out; an item that left the catalogue
            keeps its line, without id and title.
    """
    table = shop.items
    colours = {hash32(item.colour): item.colour for item in table.items if item.colour}
    return VisitorProfile(
        visitor_id=visitor,
        version=Version(state.incarnation, partition, state.offset).text(),
        at=state.at,
        first_at=state.first_at,
        events=state.events,
        sessions=state.sessions,
        session_events=state.session_events,
        orders=state.orders,
        spent=state.spent,
        usual_price=round(expm1(state.price), 2) if state.price_weight else None,
        categories=_name_affinities(state.categories, table.category_name),
        now_categories=_name_affinities(state.now_categories, table.category_name),
        brands=_name_affinities(state.brands, table.brand_name),
        colours=_name_affinities(state.colours, colours.get),
        recent=[_name_item(shop, r.key, at=r.at, views=r.views) for r in state.recent],
        wishlist=[_name_item(shop, key) for key in state.wishlist],
        cart=[_name_item(shop, line.key, at=line.at, quantity=line.quantity) for line in state.cart],
        bought=[_name_item(shop, line.key, at=line.at) for line in state.bought],
        searches=len(state.searches),
        shares=state.shares,
        channels=_count_by_name(CHANNELS, state.channels),
        devices=_count_by_name(DEVICES, state.devices),
        returns_to_item=state.returns_to_item,
        carts_left=state.carts_left,
        consent={p: given for p in PURPOSES if (given := read_consent(state, p)) is not None},
    )


def _name_affinities(weights: Mapping[int, float], name_of: Callable[[int], str | None]) -> list[Affinity]:
    """Strongest first, of those that the shop has a name for; shares are of all, named or not."""
    total = sum(weights.values())
    named = [(name_of(key), weight) for key, weight in sorted(weights.items(), key=lambda kv: -kv[1])]
    return [Affinity(name, round(weight / total, 3)) for name, weight in named if name and total > 0]


def _name_item(
    shop: Shop, key: int, *, at: int | None = None, views: int | None = None, quantity: int | None = None
) -> KnownItem:
    row = shop.items.row_of_key(key)
    item = shop.items.items[row] if row >= 0 else None
    return KnownItem(
        id=item.item_id if item else None,
        title=item.title if item else None,
        at=at,
        views=views,
        quantity=quantity,
    )


def _count_by_name(names: Iterable[str], counts: Iterable[int]) -> dict[str, int]:
    """What was counted at all, by name."""
    return {name: count for name, count in zip(names, counts, strict=True) if count}
