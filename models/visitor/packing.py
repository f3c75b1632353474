"""A packed state as a VisitorState, and back: `unpack(pack(s)) == s` for every state that fold returns.

The format is that of `models.visitor.typed_state`.
"""

from collections.abc import Sequence, Sized
from typing import Any

import cython

from models import use_compiled
from models.visitor.state import AFFINITY_FIELDS, CartLine, PurchasedItem, RecentItem, VisitorState
from schemas.errors import UnknownVersion
from schemas.ids import Version

if not cython.compiled:
    from models.visitor.decay import CODES, WEIGHTS
    from models.visitor.state_fields import (
        BOUGHT_MAX,
        CART_MAX,
        DISMISSED_MAX,
        KIND_PRICE_BANDS,
        KINDS,
        MESSAGES_MAX,
        PRICE_STEPS,
        PROMOTIONS_MAX,
        RECENT_MAX,
        SEARCHES_MAX,
        SIZE_MAX,
        WISHLIST_MAX,
    )
    from models.visitor.typed_state import STATE_VERSION, TypedState

FREE_STATES: list[TypedState] = []


@cython.cfunc
def borrow_state() -> TypedState:
    """A state to write into that nobody else uses, in no other thread either."""
    return FREE_STATES.pop() if FREE_STATES else TypedState()


@cython.cfunc
def return_state(state: TypedState) -> cython.void:
    """Ends a loan; who fails may keep it."""
    FREE_STATES.append(state)


@cython.cfunc
def read_state(packed: bytes) -> TypedState:
    """Borrows a state and reads bytes into it. Raises UnknownVersion, of which `unpack` tells more."""
    state: TypedState = borrow_state()
    if state.read(packed):
        return state
    return_state(state)
    if packed[0] != STATE_VERSION:
        raise UnknownVersion(f"a state of version {packed[0]}; this code reads {STATE_VERSION}")
    raise UnknownVersion(f"a state of {len(packed)} bytes that cannot be read")


def unpack(packed: bytes) -> VisitorState:
    """Reads a packed state.

    Args:
        packed: Bytes that `pack` wrote, or none for a new visitor.

    Returns:
        The state, equal to the one that was packed.

    Raises:
        UnknownVersion: Newer code wrote the bytes, or they are no state: they must not be overwritten.

    Complexity: O(entries of all collections), which have constant bounds.
    """
    state: TypedState = read_state(packed)
    visitor = VisitorState(**_read_scalars(state), **_read_affinities(state), **_read_collections(state))
    return_state(state)
    return visitor


@cython.cfunc
def _read_scalars(state: TypedState) -> dict[str, Any]:
    return {
        "incarnation": state.incarnation,
        "offset": state.offset,
        "at": state.at,
        "first_at": state.first_at,
        "events": state.events,
        "sessions": state.sessions,
        "session_at": state.session_at,
        "session_events": state.session_events,
        "session_views": state.session_views,
        "orders": state.orders,
        "spent": state.spent,
        "last_order_at": state.last_order_at,
        "price": state.price,
        "price_weight": state.price_weight(),
        "bought_price": state.bought_price,
        "shares": state.shares,
        "dwell": state.dwell,
        "returns_to_item": state.returns_to_item,
        "carts_left": state.carts_left,
        "consent": state.consent,
    }


@cython.cfunc
def _read_affinities(state: TypedState) -> dict[str, Any]:
    return {
        AFFINITY_FIELDS[kind]: {
            state.keys[kind, i]: WEIGHTS[state.codes[kind, i]] for i in range(state.sizes[kind])
        }
        for kind in range(KINDS)
    }


@cython.cfunc
def _read_collections(state: TypedState) -> dict[str, Any]:
    recent = [
        RecentItem(state.recent_keys[i], state.recent_at[i], state.recent_views[i], state.recent_dwell[i])
        for i in range(state.recent_count)
    ]
    cart = [
        CartLine(state.cart_keys[i], state.cart_at[i], state.cart_quantity[i], state.cart_price[i])
        for i in range(state.cart_count)
    ]
    bought = [
        PurchasedItem(
            state.bought_keys[i], state.bought_at[i], state.bought_paid[i], state.bought_category[i]
        )
        for i in range(state.bought_count)
    ]
    return {
        "recent": tuple(recent),
        "cart": tuple(cart),
        "bought": tuple(bought),
        "wishlist": tuple([state.wishlist_keys[i] for i in range(state.wishlist_count)]),
        "searches": tuple([state.search_keys[i] for i in range(state.search_count)]),
        "dismissed": tuple([state.dismissed_keys[i] for i in range(state.dismissed_count)]),
        "message_ids": tuple([state.message_keys[i] for i in range(state.message_count)]),
        "window": state.window,
        "channels": tuple([state.channels[i] for i in range(6)]),
        "devices": tuple([state.devices[i] for i in range(5)]),
        "promotions": {
            state.promotion_keys[i]: (state.promotion_seen[i], state.promotion_answered[i])
            for i in range(state.promotion_count)
        },
    }


def is_readable(packed: bytes) -> bool:
    """Whether bytes are a state of this version without a window, or none at all; any may be asked about."""
    state: TypedState = borrow_state()
    readable: cython.bint = state.read(packed) and not state.window
    return_state(state)
    return bool(readable)


def version_of(packed: bytes, partition: int) -> Version:
    """The version of a packed state that is not empty, read from its head.

    Args:
        packed: As `pack` returned it; nothing of it is checked.
        partition: Whose records the state includes; the bytes do not say.
    """
    incarnation, next_offset = packed[2:4], packed[4:12]
    return Version(
        int.from_bytes(incarnation, "little"), partition, int.from_bytes(next_offset, "little") - 1
    )


def pack(visitor: VisitorState) -> bytes:
    """Packs a state into bytes.

    Args:
        visitor: A state that fold returned. Others may not fit: weights must be of `decay.WEIGHTS`.

    Returns:
        At most PACKED_MAX bytes and the window. Equal states with equal order give equal bytes.

    Raises:
        KeyError or ValueError: The state is not one that fold returns.

    Complexity: O(entries of all collections), which have constant bounds.
    """
    state: TypedState = borrow_state()
    state.clear()
    _write_scalars(state, visitor)
    _write_affinities(state, visitor)
    _write_items(state, visitor)
    _write_keys(state, visitor)
    packed: bytes = state.pack()
    return_state(state)
    return packed


@cython.cfunc
def _fit(number: Any, bits: cython.int) -> cython.longlong:
    """The number, which so many bits must hold."""
    if number < 0 or number >> bits:
        raise ValueError(f"{number} in a state does not fit {bits} bits")
    return number


@cython.cfunc
def _count(entries: Sized, most: cython.int) -> cython.int:
    if len(entries) > most:
        raise ValueError(f"{len(entries)} entries in a collection of a state that may hold {most}")
    return len(entries)


@cython.cfunc
def _write_scalars(state: TypedState, visitor: VisitorState) -> cython.void:
    i: cython.int
    state.incarnation, state.offset = _fit(visitor.incarnation, 16), _fit(visitor.offset + 1, 62) - 1
    state.at, state.first_at = _fit(visitor.at, 32), _fit(visitor.first_at, 32)
    state.events, state.sessions = _fit(visitor.events, 32), _fit(visitor.sessions, 16)
    state.session_at, state.session_events = _fit(visitor.session_at, 32), _fit(visitor.session_events, 16)
    state.session_views = _fit(visitor.session_views, 16)
    state.orders, state.last_order_at = _fit(visitor.orders, 32), _fit(visitor.last_order_at, 32)
    state.spent = _fit(round(visitor.spent * 100), 48) / 100
    state.price = _fit(int(visitor.price * PRICE_STEPS), 16) / PRICE_STEPS
    state.price_weight_code = CODES[visitor.price_weight]
    state.bought_price = _fit(int(visitor.bought_price * PRICE_STEPS), 16) / PRICE_STEPS
    state.shares, state.dwell = _fit(visitor.shares, 8), _fit(int(visitor.dwell * 4), 16) / 4
    state.returns_to_item, state.carts_left = _fit(visitor.returns_to_item, 16), _fit(visitor.carts_left, 8)
    state.consent = _fit(visitor.consent, 16)
    if (len(visitor.channels), len(visitor.devices)) != (6, 5):
        raise ValueError("a state has 6 counts of channels and 5 of devices")
    for i in range(6):
        state.channels[i] = _fit(visitor.channels[i], 8)
    for i in range(5):
        state.devices[i] = _fit(visitor.devices[i], 8)


@cython.cfunc
def _write_affinities(state: TypedState, visitor: VisitorState) -> cython.void:
    kind: cython.int
    place: cython.int
    for kind in range(KINDS):
        weights = getattr(visitor, AFFINITY_FIELDS[kind])
        state.sizes[kind] = _count(weights, SIZE_MAX[kind])
        for place, (key, weight) in enumerate(weights.items()):
            state.keys[kind, place] = _fit(key, 8 if kind == KIND_PRICE_BANDS else 32)
            state.codes[kind, place] = CODES[weight]


@cython.cfunc
def _write_items(state: TypedState, visitor: VisitorState) -> cython.void:
    i: cython.int
    state.recent_count = _count(visitor.recent, RECENT_MAX)
    for i in range(state.recent_count):
        item = visitor.recent[i]
        state.recent_keys[i], state.recent_at[i] = _fit(item.key, 48), _time_of(item, visitor)
        state.recent_views[i], state.recent_dwell[i] = _fit(item.views, 8), _fit(item.dwell, 8)
    state.cart_count = _count(visitor.cart, CART_MAX)
    for i in range(state.cart_count):
        line = visitor.cart[i]
        state.cart_keys[i], state.cart_at[i] = _fit(line.key, 48), _time_of(line, visitor)
        state.cart_quantity[i], state.cart_price[i] = _fit(line.quantity, 16), line.price
    state.bought_count = _count(visitor.bought, BOUGHT_MAX)
    for i in range(state.bought_count):
        bought = visitor.bought[i]
        state.bought_keys[i], state.bought_at[i] = _fit(bought.key, 48), _time_of(bought, visitor)
        state.bought_paid[i], state.bought_category[i] = bought.price, _fit(bought.category, 32)


@cython.cfunc
def _time_of(item: RecentItem | CartLine | PurchasedItem, visitor: VisitorState) -> cython.longlong:
    return visitor.at - _fit(visitor.at - item.at, 32)


@cython.cfunc
def _write_keys(state: TypedState, visitor: VisitorState) -> cython.void:
    i: cython.int
    state.wishlist_count = _write_all(state.wishlist_keys, visitor.wishlist, WISHLIST_MAX, 48)
    state.search_count = _write_all(state.search_keys, visitor.searches, SEARCHES_MAX, 32)
    state.dismissed_count = _write_all(state.dismissed_keys, visitor.dismissed, DISMISSED_MAX, 32)
    state.promotion_count = _write_all(state.promotion_keys, list(visitor.promotions), PROMOTIONS_MAX, 32)
    for i, (seen, answered) in enumerate(visitor.promotions.values()):
        state.promotion_seen[i], state.promotion_answered[i] = _fit(seen, 8), _fit(answered, 8)
    state.message_count = _count(visitor.message_ids, MESSAGES_MAX)
    for i in range(state.message_count):
        state.message_keys[i] = visitor.message_ids[i]
    state.window = visitor.window


@cython.cfunc
def _write_all(
    target: cython.longlong[::1], keys: Sequence[int], most: cython.int, bits: cython.int
) -> cython.int:
    i: cython.int
    count: cython.int = _count(keys, most)
    for i in range(count):
        target[i] = _fit(keys[i], bits)
    return count


if not cython.compiled:
    use_compiled(globals())
