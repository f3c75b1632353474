"""Interactions of a visitor: items viewed, wished for, in the cart and bought; searches, promotions."""

from collections.abc import Sequence
from typing import Any

import cython

from models import use_compiled
from schemas.events import EventItem, OrderProperties, Properties

if not cython.compiled:
    from models.visitor.affinities import category_key, item_key, label_key
    from models.visitor.decay import nearest_whole
    from models.visitor.sessions import SESSION_GAP_S, UINT8_MAX, UINT16_MAX
    from models.visitor.state_fields import (
        BOUGHT_MAX,
        CART_MAX,
        DISMISSED_MAX,
        PROMOTIONS_MAX,
        RECENT_MAX,
        SEARCHES_MAX,
        SPENT_MAX,
        WISHLIST_MAX,
    )
    from models.visitor.typed_state import TypedState

DWELL_SHARE = cython.declare(cython.double, 0.3)
"""How much the newest page moves the mean time on a page. Own choice, not tuned."""
DWELL_MAX_S = cython.declare(cython.double, 600)
"""A page left open over lunch says nothing more than ten minutes."""
QUANTITY_MAX = cython.declare(cython.int, 9999)


@cython.cfunc
def find_key(keys: cython.longlong[::1], count: cython.int, key: cython.longlong) -> cython.int:
    """Where among the first `count` keys one stands; `count` when it does not."""
    i: cython.int
    for i in range(count):
        if keys[i] == key:
            return i
    return count


@cython.cfunc
def move_to_front(
    keys: cython.longlong[::1], count: cython.int, key: cython.longlong, limit: cython.int
) -> cython.int:
    """Puts `key` first, each key once, at most `limit`; returns how many there are."""
    i: cython.int
    place: cython.int = find_key(keys, count, key)
    for i in range(place, 0, -1):
        keys[i] = keys[i - 1]
    keys[0] = key
    return min(limit, max(count, place + 1))


@cython.cfunc
def record_views(
    state: TypedState, items: Sequence[EventItem], at: cython.longlong, engaged_ms: Any
) -> cython.void:
    """Puts the items in front of the recent ones; `engaged_ms`, the time spent, belongs to the first."""
    dwell: cython.int = min(UINT8_MAX, (engaged_ms or 0) // 1000)
    for item in items[:RECENT_MAX]:
        _record_view(state, item_key(item.item_id), at, dwell)
        dwell = 0
    if at >= state.session_at - SESSION_GAP_S:
        state.session_views = min(UINT16_MAX, state.session_views + 1)


@cython.cfunc
def _record_view(
    state: TypedState, key: cython.longlong, at: cython.longlong, dwell: cython.int
) -> cython.void:
    i: cython.int
    views: cython.int = 1
    place: cython.int = find_key(state.recent_keys, state.recent_count, key)
    if place < state.recent_count:
        if place and state.recent_at[place] >= state.session_at:
            state.returns_to_item = min(UINT16_MAX, state.returns_to_item + 1)
        at = max(at, state.recent_at[place])
        views = min(UINT8_MAX, state.recent_views[place] + 1)
        dwell = min(UINT8_MAX, state.recent_dwell[place] + dwell)
        state.recent_count -= 1
        for i in range(place, state.recent_count):
            _copy_recent(state, i + 1, i)
    place = 0
    if state.recent_count and at < state.recent_at[0]:  # a late event: to its place in time
        for i in range(state.recent_count):
            place += state.recent_at[i] > at
    for i in range(state.recent_count, place, -1):
        _copy_recent(state, i - 1, i)
    state.recent_keys[place], state.recent_at[place] = key, at
    state.recent_views[place], state.recent_dwell[place] = views, dwell
    state.recent_count = min(RECENT_MAX, state.recent_count + 1)


@cython.cfunc
def _copy_recent(state: TypedState, source: cython.int, target: cython.int) -> cython.void:
    state.recent_keys[target], state.recent_at[target] = state.recent_keys[source], state.recent_at[source]
    state.recent_views[target], state.recent_dwell[target] = (
        state.recent_views[source],
        state.recent_dwell[source],
    )


@cython.cfunc
def record_dwell(state: TypedState, engaged_ms: Any) -> cython.void:
    """Updates the moving mean of the time on a page, kept to a quarter of a second."""
    if engaged_ms:
        seconds: cython.double = min(DWELL_MAX_S, engaged_ms / 1000)
        if state.dwell:
            seconds = state.dwell + DWELL_SHARE * (seconds - state.dwell)
        state.dwell = nearest_whole(4 * seconds) / 4


@cython.cfunc
def record_search(state: TypedState, term: str) -> cython.void:
    """Remembers a search term, without its case and spacing."""
    key: cython.longlong = label_key(" ".join(term.casefold().split()))
    state.search_count = move_to_front(state.search_keys, state.search_count, key, SEARCHES_MAX)


@cython.cfunc
def record_dismissal(state: TypedState, module_id: Any) -> cython.void:
    """Puts a dismissed module in front of those dismissed before."""
    if module_id:
        key: cython.longlong = label_key(module_id)
        state.dismissed_count = move_to_front(state.dismissed_keys, state.dismissed_count, key, DISMISSED_MAX)


@cython.cfunc
def record_promotion(state: TypedState, properties: Properties, answered: cython.bint) -> cython.void:
    """Counts a tactic or promotion as seen or answered; when full, the one seen longest ago leaves."""
    i: cython.int
    name = properties.tactic or properties.promotion_id or properties.promotion_name
    if not name:
        return
    key: cython.uint = label_key(name)
    place: cython.int = 0
    while place < state.promotion_count and state.promotion_keys[place] != key:
        place += 1
    known: cython.bint = place < state.promotion_count
    seen: cython.int = state.promotion_seen[place] if known else 0
    taken: cython.int = state.promotion_answered[place] if known else 0
    if not known and state.promotion_count < PROMOTIONS_MAX:
        state.promotion_count += 1
    elif not known:
        place = 0
    last: cython.int = state.promotion_count - 1
    for i in range(place, last):
        state.promotion_keys[i] = state.promotion_keys[i + 1]
        state.promotion_seen[i] = state.promotion_seen[i + 1]
        state.promotion_answered[i] = state.promotion_answered[i + 1]
    state.promotion_keys[last] = key
    state.promotion_seen[last] = seen if answered else min(UINT8_MAX, seen + 1)
    state.promotion_answered[last] = min(UINT8_MAX, taken + 1) if answered else taken


@cython.cfunc
def add_to_wishlist(state: TypedState, items: Sequence[EventItem]) -> cython.void:
    """Puts the items in front of the wishlist, each once."""
    for item in items[:WISHLIST_MAX]:
        key: cython.longlong = item_key(item.item_id)
        state.wishlist_count = move_to_front(state.wishlist_keys, state.wishlist_count, key, WISHLIST_MAX)


@cython.cfunc
def add_to_cart(state: TypedState, items: Sequence[EventItem], at: cython.longlong) -> cython.void:
    """Adds the quantities of the items; lines changed come first."""
    i: cython.int
    for item in items[:CART_MAX]:
        key: cython.longlong = item_key(item.item_id)
        place: cython.int = find_key(state.cart_keys, state.cart_count, key)
        known: cython.bint = place < state.cart_count
        quantity: cython.int = item.quantity
        price: cython.double = item.price or 0.0
        if known:
            quantity += state.cart_quantity[place]
            price = state.cart_price[place] if item.price is None else price
        else:
            state.cart_count = min(CART_MAX, state.cart_count + 1)
        for i in range(place, 0, -1):
            _copy_line(state, i - 1, i)
        state.cart_keys[0], state.cart_at[0] = key, at
        state.cart_quantity[0], state.cart_price[0] = min(QUANTITY_MAX, quantity), price


@cython.cfunc
def _copy_line(state: TypedState, source: cython.int, target: cython.int) -> cython.void:
    state.cart_keys[target], state.cart_at[target] = state.cart_keys[source], state.cart_at[source]
    state.cart_quantity[target] = state.cart_quantity[source]
    state.cart_price[target] = state.cart_price[source]


@cython.ccall
def list_cart(state: TypedState) -> list[int]:
    """Keys of the items in the cart, those changed last first."""
    return [state.cart_keys[i] for i in range(state.cart_count)]


@cython.cfunc
def remove_from_cart(state: TypedState, items: Sequence[EventItem]) -> cython.void:
    """Takes the quantities of the items out of the cart; lines that reach zero go."""
    i: cython.int
    for item in items:
        place: cython.int = find_key(state.cart_keys, state.cart_count, item_key(item.item_id))
        if place < state.cart_count:
            state.cart_quantity[place] -= item.quantity
    kept: cython.int = 0
    for i in range(state.cart_count):
        if state.cart_quantity[i] > 0:
            _copy_line(state, i, kept)
            kept += 1
    state.cart_count = kept


@cython.cfunc
def replace_cart(state: TypedState, items: Sequence[EventItem], at: cython.longlong) -> cython.void:
    """Replaces the cart by the shop's own list of it; lines keep the time they were added."""
    if not items:
        return
    since = {state.cart_keys[i]: state.cart_at[i] for i in range(state.cart_count)}
    state.cart_count = 0
    for item in items[:CART_MAX]:
        key = item_key(item.item_id)
        place: cython.int = find_key(state.cart_keys, state.cart_count, key)
        state.cart_keys[place], state.cart_at[place] = key, since.get(key, at)
        state.cart_quantity[place], state.cart_price[place] = item.quantity, item.price or 0.0
        state.cart_count = max(state.cart_count, place + 1)


@cython.cfunc
def record_order(state: TypedState, order: OrderProperties, at: cython.longlong) -> cython.void:
    """Counts an order, adds its value and remembers its items, newest first."""
    i: cython.int
    state.orders = min(UINT16_MAX, state.orders + 1)
    state.last_order_at = max(state.last_order_at, at)
    _add_spent(state, _order_value(order))
    for item in order.items[:BOUGHT_MAX]:
        key: cython.longlong = item_key(item.item_id)
        place: cython.int = find_key(state.bought_keys, state.bought_count, key)
        state.bought_count = min(BOUGHT_MAX, max(state.bought_count, place + 1))
        for i in range(place, 0, -1):
            _copy_purchase(state, i - 1, i)
        state.bought_keys[0], state.bought_at[0] = key, at
        state.bought_paid[0], state.bought_category[0] = item.price or 0.0, category_key(item)


@cython.cfunc
def _copy_purchase(state: TypedState, source: cython.int, target: cython.int) -> cython.void:
    state.bought_keys[target], state.bought_at[target] = state.bought_keys[source], state.bought_at[source]
    state.bought_paid[target] = state.bought_paid[source]
    state.bought_category[target] = state.bought_category[source]


@cython.cfunc
def _order_value(order: OrderProperties) -> cython.double:
    value: cython.double = 0.0
    if order.value is not None:
        return order.value
    for item in order.items:
        value += (item.price or 0.0) * item.quantity
    return value


@cython.cfunc
def _add_spent(state: TypedState, amount: cython.double) -> cython.void:
    state.spent = nearest_whole(min(SPENT_MAX, max(0.0, state.spent + amount)) * 100) / 100


@cython.cfunc
def remove_returned(state: TypedState, items: Sequence[EventItem]) -> cython.void:
    """Removes returned items from those bought."""
    i: cython.int
    keys = {item_key(item.item_id) for item in items}
    kept: cython.int = 0
    for i in range(state.bought_count):
        if state.bought_keys[i] not in keys:
            _copy_purchase(state, i, kept)
            kept += 1
    state.bought_count = kept


@cython.cfunc
def subtract_refund(state: TypedState, amount: Any) -> cython.void:
    """Subtracts a refund from what was spent, not below zero; None is no refund."""
    if amount:
        _add_spent(state, -amount)


if not cython.compiled:
    use_compiled(globals())
