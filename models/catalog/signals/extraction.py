"""What one event of one visitor contributes to crowd signals, before anybody sums it.

One visitor is one voice: a second view or order of an item within a day, a larger quantity, a repeated
message and an item that the catalogue does not know contribute nothing. The voice of a newcomer is smaller,
for ids of visitors are made up easily.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, cast

from msgspec import Struct
from msgspec.structs import replace

from models.catalog.table import ItemTable
from models.visitor.affinities import item_key
from models.visitor.interactions import list_cart
from models.visitor.sessions import (
    count_events,
    count_shares,
    effective_time,
    has_message,
    has_refused,
    has_viewed_since,
    list_bought_since,
    list_session_views,
)
from models.visitor.state import EventRecord
from models.visitor.typed_state import TypedState
from schemas.events import AddToCart, Event, EventItem, OtherEvent, Purchase, Share, StorePurchase, ViewItem
from schemas.ids import ItemId, hash64

CountName = Literal["views", "carts", "purchases", "shares"]
NeighbourKind = Literal["co_viewed", "co_bought"]

# Bounds and weights: own choice, not tuned.
VIEWED_BEFORE_MAX = 5
"""How many earlier items of the session a newly viewed one is paired with."""
ORDER_ITEMS_MAX = 8
"""How many items of an order are paired with each other: 56 directed pairs."""
COUNTED_MAX = 20
"""Items of one event that count: with 200 in each, ten events a second would touch a whole catalogue."""
ORDER_WEIGHT, CART_WEIGHT = 3, 1
"""A pair that was paid for says more than one that lies in a cart."""
AGAIN_S = 86400.0
"""A visitor who views or buys an item again sooner than this says nothing new."""
LATE_S = 3600.0
"""Events that happened so long before they arrived are not counted: who may date them back may visit a
thousand times in a second."""
NEWCOMER_EVENTS = 4
"""A visitor's first event weighs 1 / NEWCOMER_EVENTS, each further one as much more, up to 1."""
SHARES_MAX = 20
"""Shares of a visitor that count: a state does not hold of what they were."""


class ItemInteractions(Struct, frozen=True):
    """`items` each gain `voice` of `count`; each of `pairs` (unordered) gains `weight` voices of `together`.

    The first of a pair is one of `items`.
    """

    count: CountName
    items: list[ItemId]
    together: NeighbourKind = "co_viewed"
    pairs: list[tuple[ItemId, ItemId]] = []
    weight: int = 1
    voice: float = 1.0
    """How much this visitor counts, above 0 and at most 1."""


_before = TypedState()
"""Read into again for each record; the loop of one worker alone counts."""


def may_interact(event: Event) -> bool:
    """Whether `extract` looks at such an event at all."""
    return type(event) in _EXTRACTORS


def extract(packed: bytes, record: EventRecord, table: ItemTable) -> ItemInteractions | None:
    """Extracts what a record contributes to the crowd's signals.

    Args:
        packed: The visitor's packed state before the record; read only for an event that may count.
        record: The event with its arrival time.
        table: The catalogue; only its items are counted, so signals stay bounded.

    Returns:
        The items and pairs to count. None for an event that is no interaction, has no known item, repeats
        a message or an interaction of the last AGAIN_S, comes late, or from a visitor who refused
        personalization.

    Complexity: at most VIEWED_BEFORE_MAX pairs for each item viewed, CART_MAX for each item put into the
        cart, 28 for an order.
    """
    event = record.event
    extractor = _EXTRACTORS.get(type(event))
    if extractor is None or isinstance(event, OtherEvent):
        return None
    items = _select_known(event.properties.items, table)
    if not items or not _before.read(packed) or has_refused(_before):
        return None
    if has_message(_before, hash64(event.message_id), record.arrival):
        return None
    at = effective_time(event, record.arrival)
    if record.arrival - at > LATE_S:
        return None
    interactions = extractor(_before, items, table, at)
    seen = count_events(_before) + 1
    if interactions is None or seen >= NEWCOMER_EVENTS:
        return interactions
    return replace(interactions, voice=seen / NEWCOMER_EVENTS)


def _select_known(items: Sequence[EventItem], table: ItemTable) -> list[ItemId]:
    """The distinct items that are in the catalogue, COUNTED_MAX at most; ids that are not are left out."""
    known = table.row_by_id
    if len(items) == 1:  # most events
        only = ItemId(items[0].item_id)
        return [only] if only in known else []
    distinct = dict.fromkeys([item.item_id for item in items])
    return cast(list[ItemId], [item for item in distinct if item in known][:COUNTED_MAX])


def _extract_view(
    state: TypedState, items: list[ItemId], table: ItemTable, at: float
) -> ItemInteractions | None:
    new = [item for item in items if not has_viewed_since(state, item_key(item), at - AGAIN_S)]
    if not new:
        return None
    earlier = _list_ids(list_session_views(state, at)[:VIEWED_BEFORE_MAX], table)
    return ItemInteractions("views", new, "co_viewed", [(item, other) for item in new for other in earlier])


def _extract_cart(
    state: TypedState, items: list[ItemId], table: ItemTable, at: float
) -> ItemInteractions | None:
    held = list_cart(state)
    new = [item for item in items if item_key(item) not in held]
    if not new:
        return None
    others = _list_ids(held, table)
    pairs = [(item, other) for item in new for other in others]
    return ItemInteractions("carts", new, "co_bought", pairs, CART_WEIGHT)


def _extract_order(
    state: TypedState, items: list[ItemId], table: ItemTable, at: float
) -> ItemInteractions | None:
    bought = list_bought_since(state, at - AGAIN_S)
    new = [item for item in items if item_key(item) not in bought]
    if not new:
        return None
    some = new[:ORDER_ITEMS_MAX]
    pairs = [(one, other) for index, one in enumerate(some) for other in some[index + 1 :]]
    return ItemInteractions("purchases", new, "co_bought", pairs, ORDER_WEIGHT)


def _extract_share(
    state: TypedState, items: list[ItemId], table: ItemTable, at: float
) -> ItemInteractions | None:
    return ItemInteractions("shares", items) if count_shares(state) < SHARES_MAX else None


def _list_ids(keys: Iterable[int], table: ItemTable) -> list[ItemId]:
    ids, rows = table.ids, table.row_by_key
    return cast(list[ItemId], [ids[row] for key in keys if (row := rows.get(key)) is not None])


_Extractor = Callable[[TypedState, list[ItemId], ItemTable, float], ItemInteractions | None]
_EXTRACTORS: Mapping[type, _Extractor] = {
    ViewItem: _extract_view,
    AddToCart: _extract_cart,
    Purchase: _extract_order,
    StorePurchase: _extract_order,
    Share: _extract_share,
}
