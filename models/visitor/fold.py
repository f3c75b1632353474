"""State changes here and nowhere else: one record, one visitor's state, the next state. Pure.

Idempotent by the offset; a client's retry is known by its message id; time is the record's own.
"""

from collections.abc import Callable, Mapping
from typing import Any

import cython

from models import use_compiled
from models.visitor.state import EventRecord, VisitorState
from schemas import events as e
from schemas.ids import hash64

if not cython.compiled:
    from models.visitor.affinities import (
        decay_affinities,
        update_affinities,
        update_category_affinity,
        update_purchase_affinities,
    )
    from models.visitor.interactions import (
        add_to_cart,
        add_to_wishlist,
        record_dismissal,
        record_dwell,
        record_order,
        record_promotion,
        record_search,
        record_views,
        remove_from_cart,
        remove_returned,
        replace_cart,
        subtract_refund,
    )
    from models.visitor.packing import pack, read_state, return_state, unpack
    from models.visitor.sessions import (
        UINT8_MAX,
        add_message,
        advance_time,
        clamp_seconds,
        effective_time,
        has_message,
        record_envelope,
        set_consent,
    )
    from models.visitor.state_fields import MESSAGES_MAX, SIZE_MAX
    from models.visitor.typed_state import SIZES_AT, TypedState

# Affinity gain of each event for each of its items; a plain view is the unit. Own choice, not tuned.
CLICK_GAIN = cython.declare(cython.double, 0.5)
PAGE_GAIN = cython.declare(cython.double, 0.5)
VIEW_GAIN = cython.declare(cython.double, 1.0)
TRY_ON_GAIN = cython.declare(cython.double, 2.0)
WISH_GAIN = cython.declare(cython.double, 2.0)
SHARE_GAIN = cython.declare(cython.double, 2.0)
CART_GAIN = cython.declare(cython.double, 3.0)
PURCHASE_GAIN = cython.declare(cython.double, 4.0)
GOOD_REVIEW_GAIN = cython.declare(cython.double, 2.0)
GOOD_RATING = cython.declare(cython.double, 4)
"""A review with fewer stars gains nothing."""

Handler = Callable[[TypedState, Any, int], None]
"""Changes a state as one event does, given the effective time of the event in epoch seconds."""


def fold_packed(packed: bytes, record: EventRecord) -> bytes:
    """Applies one record to a visitor's packed state.

    Args:
        packed: The state before, as `models.visitor.packing` describes it, with its window behind it; none
            for a new visitor.
        record: A record of this visitor. Its arrival is the only clock.

    Returns:
        The state after the record, with its window; the very same object when the record was applied before.
        A repeated message id (`has_message` says of which are known) and an event of an unknown name change
        nothing but the record id (incarnation, offset).
        Every number is quantised and every collection trimmed, so that it is `pack(unpack(…))` of itself.

    Raises:
        UnknownVersion: The bytes are no state of this version.

    Complexity: O(items of the event); collections have constant bounds. No I/O, no randomness.
    """
    state = read_state(packed)
    if not _apply(state, record):
        return_state(state)
        return packed
    after: bytes = state.pack()
    return_state(state)
    return after


def split_window(packed: bytes) -> tuple[bytes, bytes]:
    """A packed state that fold returned as the two values that a store keeps: the state, and its window."""
    if not packed or packed[SIZES_AT + len(SIZE_MAX) - 1] < MESSAGES_MAX:
        return packed, b""  # no message has left the newest ones
    state = read_state(packed)
    window: bytes = state.window
    return_state(state)
    return packed[: len(packed) - len(window)], window


def fold(state: VisitorState, record: EventRecord) -> VisitorState:
    """`fold_packed` on states as people read them, `unpack(fold_packed(pack(state), record))`.

    Returns:
        The state after the record; the very same object when the record was applied before. Every number is
        quantised, so that `unpack(pack(s)) == s`.
    """
    before = pack(state)
    after = fold_packed(before, record)
    return state if after is before else unpack(after)


@cython.cfunc
def _apply(state: TypedState, record: EventRecord) -> cython.bint:
    """Applies a record in place; False, and nothing changed, when it was applied before.

    A topic created anew starts its offsets again, so a state of another incarnation has seen none of them.
    """
    incarnation: cython.longlong = record.incarnation
    offset: cython.longlong = record.offset
    if offset <= state.offset and incarnation == state.incarnation:
        return False
    state.incarnation, state.offset = incarnation, offset
    event = record.event
    handler = HANDLERS.get(type(event))
    if handler is None:
        return True
    message: cython.ulonglong = hash64(event.message_id)
    if has_message(state, message, record.arrival):
        return True
    add_message(state, message, record.arrival)
    at: cython.longlong = clamp_seconds(effective_time(event, record.arrival))
    decay_affinities(state, at)
    advance_time(state, at)
    record_envelope(state, event)
    handler(state, event, at)
    return True


def _fold_view_page(state: TypedState, event: e.WithProperties, at: cython.longlong) -> None:
    properties = event.properties
    record_dwell(state, properties.engagement_time_msec)
    if properties.category:
        update_category_affinity(state, properties.category, PAGE_GAIN, at)


def _fold_view_item(state: TypedState, event: e.ViewItem, at: cython.longlong) -> None:
    properties = event.properties
    record_dwell(state, properties.engagement_time_msec)
    record_views(state, properties.items, at, properties.engagement_time_msec)
    update_affinities(state, properties.items, VIEW_GAIN, at)


def _fold_select_item(state: TypedState, event: e.SelectItem, at: cython.longlong) -> None:
    update_affinities(state, event.properties.items, CLICK_GAIN, at)


def _fold_search(state: TypedState, event: e.Search, at: cython.longlong) -> None:
    record_search(state, event.properties.search_term)


def _fold_add_to_wishlist(state: TypedState, event: e.AddToWishlist, at: cython.longlong) -> None:
    add_to_wishlist(state, event.properties.items)
    update_affinities(state, event.properties.items, WISH_GAIN, at)


def _fold_add_to_cart(state: TypedState, event: e.AddToCart, at: cython.longlong) -> None:
    add_to_cart(state, event.properties.items, at)
    update_affinities(state, event.properties.items, CART_GAIN, at)


def _fold_remove_from_cart(state: TypedState, event: e.RemoveFromCart, at: cython.longlong) -> None:
    remove_from_cart(state, event.properties.items)


def _fold_view_cart(state: TypedState, event: e.ViewCart, at: cython.longlong) -> None:
    replace_cart(state, event.properties.items, at)


def _fold_purchase(state: TypedState, event: e.Purchase, at: cython.longlong) -> None:
    _fold_order(state, event.properties, at)
    state.cart_count = 0


def _fold_store_purchase(state: TypedState, event: e.StorePurchase, at: cython.longlong) -> None:
    _fold_order(state, event.properties, at)
    remove_from_cart(state, event.properties.items)


@cython.cfunc
def _fold_order(state: TypedState, order: e.OrderProperties, at: cython.longlong) -> cython.void:
    record_order(state, order, at)
    update_purchase_affinities(state, order.items, at)
    update_affinities(state, order.items, PURCHASE_GAIN, at)


def _fold_refund(state: TypedState, event: e.Refund, at: cython.longlong) -> None:
    subtract_refund(state, event.properties.value)
    remove_returned(state, event.properties.items)


def _fold_return(state: TypedState, event: e.ReturnCompleted, at: cython.longlong) -> None:
    remove_returned(state, event.properties.items)


def _fold_view_promotion(state: TypedState, event: e.WithProperties, at: cython.longlong) -> None:
    record_promotion(state, event.properties, False)


def _fold_answer_promotion(state: TypedState, event: e.WithProperties, at: cython.longlong) -> None:
    record_promotion(state, event.properties, True)
    update_affinities(state, event.properties.items, CLICK_GAIN, at)


def _fold_share(state: TypedState, event: e.WithProperties, at: cython.longlong) -> None:
    state.shares = min(UINT8_MAX, state.shares + 1)
    update_affinities(state, event.properties.items, SHARE_GAIN, at)


def _fold_dismiss_module(state: TypedState, event: e.ModuleDismissed, at: cython.longlong) -> None:
    record_dismissal(state, event.module_id)


def _fold_update_consent(state: TypedState, event: e.ConsentUpdated, at: cython.longlong) -> None:
    set_consent(state, event.properties.purposes)


def _fold_try_on(state: TypedState, event: e.TryonStarted, at: cython.longlong) -> None:
    update_affinities(state, event.properties.items, TRY_ON_GAIN, at)


def _fold_review(state: TypedState, event: e.ReviewSubmitted, at: cython.longlong) -> None:
    if (event.properties.rating or 0.0) >= GOOD_RATING:
        update_affinities(state, event.properties.items, GOOD_REVIEW_GAIN, at)


def _fold_count_only(state: TypedState, event: e.WithProperties, at: cython.longlong) -> None:
    """Time, session, channel and device are all that the event changes."""


HANDLERS: Mapping[type, Handler] = {
    e.PageView: _fold_view_page,
    e.ViewItemList: _fold_view_page,
    e.SelectItem: _fold_select_item,
    e.ViewItem: _fold_view_item,
    e.Search: _fold_search,
    e.AddToWishlist: _fold_add_to_wishlist,
    e.AddToCart: _fold_add_to_cart,
    e.RemoveFromCart: _fold_remove_from_cart,
    e.ViewCart: _fold_view_cart,
    e.BeginCheckout: _fold_view_cart,
    e.Purchase: _fold_purchase,
    e.Refund: _fold_refund,
    e.ViewPromotion: _fold_view_promotion,
    e.SelectPromotion: _fold_answer_promotion,
    e.Share: _fold_share,
    e.Login: _fold_count_only,
    e.SignUp: _fold_count_only,
    e.ModuleViewed: _fold_view_promotion,
    e.ModuleDismissed: _fold_dismiss_module,
    e.ConsentUpdated: _fold_update_consent,
    e.ChatStarted: _fold_count_only,
    e.TryonStarted: _fold_try_on,
    e.ReturnCompleted: _fold_return,
    e.ReviewSubmitted: _fold_review,
    e.EmailOpened: _fold_view_promotion,
    e.EmailClicked: _fold_answer_promotion,
    e.StoreVisit: _fold_count_only,
    e.StorePurchase: _fold_store_purchase,
    e.SocialEngaged: _fold_share,
    e.SupportContacted: _fold_count_only,
}
"""What each event changes. A test compares the keys with the known events, so a new event cannot be missed;
an event that is not here (an unknown name) changes the record id alone."""


if not cython.compiled:
    use_compiled(globals())
