"""What one event of one visitor says about items: the crowd's facts, before anybody sums them.

One visitor is one voice: a second look in the same session, a larger quantity, a repeated message and an item
that the catalogue does not know say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, cast

from msgspec import Struct

from models.catalog.table import ItemTable
from models.visitor.affinities import item_key
from models.visitor.sessions import SESSION_GAP_S, effective_time
from models.visitor.state import EventRecord, VisitorState, personalization_refused
from schemas.events import AddToCart, EventItem, OtherEvent, Purchase, Share, StorePurchase, ViewItem
from schemas.ids import ItemId, hash64

Count = Literal["views", "carts", "purchases", "shares"]
Together = Literal["co_viewed", "co_bought"]

VIEWED_BEFORE_MAX = 5
"""How many earlier items of the session a newly viewed one is paired with."""
ORDER_ITEMS_MAX = 8
"""How many items of an order are paired with each other: 56 directed pairs."""
ORDER_WEIGHT, CART_WEIGHT = 3, 1
"""A pair that was paid for says more than one that lies in a cart."""


class ItemInteractions(Struct, frozen=True):
    """`items` each gain one of `count`; each of `pairs` (unordered) gains `weight` of `together`."""

    count: Count
    items: list[ItemId]
    together: Together = "co_viewed"
    pairs: list[tuple[ItemId, ItemId]] = []
    weight: int = 1


def extract(state: VisitorState, record: EventRecord, table: ItemTable) -> ItemInteractions | None:
    """What `record` says, `state` being the visitor's before it; None when it says nothing.

    A visitor who refused personalization is not counted either.
    """
    event = record.event
    says = _SAYS.get(type(event))
    if says is None or isinstance(event, OtherEvent):
        return None
    items = _known(event.properties.items, table)
    if not items or (state.consent and personalization_refused(state)):
        return None
    if hash64(event.message_id) in state.message_ids:
        return None
    return says(state, items, table, effective_time(event, record.arrival))


def _known(items: Iterable[EventItem], table: ItemTable) -> list[ItemId]:
    """The distinct items that the catalogue holds: nobody can invent one, so signals stay bounded."""
    known = table.row_by_id
    return cast(list[ItemId], [i for i in dict.fromkeys([item.item_id for item in items]) if i in known])


def _viewed(state: VisitorState, items: list[ItemId], table: ItemTable, at: float) -> ItemInteractions | None:
    before = _seen_in_session(state, at)
    fresh = [item for item in items if item_key(item) not in before]
    if not fresh:
        return None
    earlier = _ids(before[:VIEWED_BEFORE_MAX], table)
    return ItemInteractions(
        "views", fresh, "co_viewed", [(item, other) for item in fresh for other in earlier]
    )


def _seen_in_session(state: VisitorState, at: float) -> list[int]:
    """Keys looked at in the session that an event at `at` belongs to, newest first; none for a new one."""
    if at - state.at > SESSION_GAP_S or at < state.session_at - SESSION_GAP_S:
        return []
    return [item.key for item in state.recent if item.at >= state.session_at]


def _put_into_cart(
    state: VisitorState, items: list[ItemId], table: ItemTable, at: float
) -> ItemInteractions | None:
    held = [line.key for line in state.cart]
    fresh = [item for item in items if item_key(item) not in held]
    if not fresh:
        return None
    others = _ids(held, table)
    pairs = [(item, other) for item in fresh for other in others]
    return ItemInteractions("carts", fresh, "co_bought", pairs, CART_WEIGHT)


def _bought(state: VisitorState, items: list[ItemId], table: ItemTable, at: float) -> ItemInteractions | None:
    some = items[:ORDER_ITEMS_MAX]
    pairs = [(one, other) for place, one in enumerate(some) for other in some[place + 1 :]]
    return ItemInteractions("purchases", items, "co_bought", pairs, ORDER_WEIGHT)


def _shared(state: VisitorState, items: list[ItemId], table: ItemTable, at: float) -> ItemInteractions | None:
    return ItemInteractions("shares", items)


def _ids(keys: Iterable[int], table: ItemTable) -> list[ItemId]:
    ids, rows = table.ids, table.row_by_key
    return cast(list[ItemId], [ids[rows[key]] for key in keys if key in rows])


_SAYS: Mapping[type, Callable[[VisitorState, list[ItemId], ItemTable, float], ItemInteractions | None]] = {
    ViewItem: _viewed,
    AddToCart: _put_into_cart,
    Purchase: _bought,
    StorePurchase: _bought,
    Share: _shared,
}
