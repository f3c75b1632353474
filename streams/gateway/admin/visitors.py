"""`GET /v1/visitors/{id}`: what the system believes about a visitor, in words a person can read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from math import expm1
from typing import get_args

import msgspec
from msgspec import Struct

from models.storefront.shop import Shop
from models.visitor.packing import unpack
from models.visitor.state import PURPOSES, VisitorState, read_consent
from schemas.errors import UnknownVersion
from schemas.events import Channel, Device
from schemas.ids import Version, hash32
from streams.gateway.events.partitions import PartitionMap
from streams.gateway.http.asgi import Receive, Scope, Send, send_bytes
from streams.gateway.http.auth import authorise
from streams.gateway.http.parameters import refuse_parameters, visitor_text
from streams.gateway.http.problems import Problem
from streams.gateway.layouts.store_reads import StoreReads, Unread

ROUTE = "/v1/visitors/{visitor}"
READ_WITHIN_S = 0.5
CHANNELS, DEVICES = get_args(Channel), get_args(Device)


class Affinity(Struct, frozen=True):
    """A taste: `weight` is its share of all tastes of its kind, 0 to 1."""

    name: str
    weight: float


class KnownItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item that stands in a state; without id when it has left the catalogue. `at` in epoch seconds."""

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


class Visitors:
    """Reads the state; the names come from the shop of this process."""

    def __init__(self, reads: StoreReads, places: PartitionMap, shop: Callable[[], Shop]) -> None:
        self._reads, self._places, self._shop = reads, places, shop

    async def get(self, text: str, scope: Scope, receive: Receive, send: Send) -> None:
        refuse_parameters(scope["query_string"])
        visitor = visitor_text("visitor", text)
        authorise(scope, visitor)
        partition = self._places.partition(visitor)
        until = asyncio.get_running_loop().time() + READ_WITHIN_S
        try:
            packed = await self._reads.state(partition, visitor, until)
        except Unread as exc:
            raise Problem(
                503, f"the store does not answer: {exc.reason}", headers={"retry-after": "1"}
            ) from exc
        if packed is None:
            raise Problem(404, "nothing is known of this visitor", field="visitor")
        try:
            state = unpack(packed)
        except UnknownVersion as exc:
            raise Problem(503, "this state was written by newer code") from exc
        await send_bytes(send, msgspec.json.encode(build_profile(visitor, partition, state, self._shop())))


def build_profile(visitor: str, partition: int, state: VisitorState, shop: Shop) -> VisitorProfile:
    """A state with the shop's names in the place of hashes; what the shop no longer knows is left out."""
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
        categories=_likings(state.categories, table.category_name),
        now_categories=_likings(state.now_categories, table.category_name),
        brands=_likings(state.brands, table.brand_name),
        colours=_likings(state.colours, colours.get),
        recent=[_known(shop, r.key, at=r.at, views=r.views) for r in state.recent],
        wishlist=[_known(shop, key) for key in state.wishlist],
        cart=[_known(shop, line.key, at=line.at, quantity=line.quantity) for line in state.cart],
        bought=[_known(shop, line.key, at=line.at) for line in state.bought],
        searches=len(state.searches),
        shares=state.shares,
        channels=_counts(CHANNELS, state.channels),
        devices=_counts(DEVICES, state.devices),
        returns_to_item=state.returns_to_item,
        carts_left=state.carts_left,
        consent={p: said for p in PURPOSES if (said := read_consent(state, p)) is not None},
    )


def _likings(tastes: Mapping[int, float], name_of: Callable[[int], str | None]) -> list[Affinity]:
    """Strongest first, of those that the shop has a name for."""
    total = sum(tastes.values())
    named = [(name_of(key), weight) for key, weight in sorted(tastes.items(), key=lambda kv: -kv[1])]
    return [Affinity(name, round(weight / total, 3)) for name, weight in named if name and total > 0]


def _known(
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


def _counts(names: Iterable[str], counts: Iterable[int]) -> dict[str, int]:
    return {name: count for name, count in zip(names, counts, strict=True) if count}
