"""State changes here and nowhere else: one record, one visitor's state, the next state. Pure.

Idempotent by the offset; a client's retry is known by its message id; time is the record's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from models.visitor.affinities import update_affinities, update_category_affinity, update_purchase_affinities
from models.visitor.browsing import add_to_wishlist, record_dwell, record_search, record_views
from models.visitor.cart import (
    add_to_cart,
    clear_cart,
    record_order,
    remove_from_cart,
    remove_returned,
    replace_cart,
    subtract_refund,
)
from models.visitor.engagement import (
    count_share,
    record_dismissal,
    record_envelope,
    record_promotion,
    set_consent,
)
from models.visitor.packing import pack, unpack
from models.visitor.sessions import advance_time, clamp_seconds, effective_time
from models.visitor.state import (
    EMPTY,
    MESSAGE_IDS_MAX,
    EventRecord,
    StateChanges,
    VisitorState,
    already_applied,
)
from schemas import events as e
from schemas.ids import hash64

# Affinity gain of each event for each of its items; a plain view is the unit. Own choice, not tuned.
CLICK_GAIN = 0.5
PAGE_GAIN = 0.5
VIEW_GAIN = 1.0
TRY_ON_GAIN = 2.0
WISH_GAIN = 2.0
SHARE_GAIN = 2.0
CART_GAIN = 3.0
PURCHASE_GAIN = 4.0
GOOD_REVIEW_GAIN = 2.0
GOOD_RATING = 4.0
"""A review with fewer stars gains nothing."""

Handler = Callable[[VisitorState, StateChanges, Any, int], None]
"""Fills the changes that one event makes, given the effective time of the event in epoch seconds."""


def fold(state: VisitorState, record: EventRecord) -> VisitorState:
    """Applies one record to a visitor's state.

    Args:
        state: The state before; it is not changed.
        record: A record of this visitor. Its arrival is the only clock.

    Returns:
        The state after the record; the very same object when the record was applied before. A repeated
        message id and an event of an unknown name change nothing but the record id (incarnation, offset).
        Every number is quantised and every collection trimmed, so that `unpack(pack(s)) == s`.

    Complexity: O(items of the event); collections have constant bounds. No I/O, no randomness.
    """
    if already_applied(state, record.incarnation, record.offset):
        return state
    event = record.event
    handler = HANDLERS.get(type(event))
    changes: StateChanges = {"incarnation": record.incarnation, "offset": record.offset}
    if handler is not None and (message := hash64(event.message_id)) not in state.message_ids:
        changes["message_ids"] = (message, *state.message_ids[: MESSAGE_IDS_MAX - 1])
        at = clamp_seconds(effective_time(event, record.arrival))
        advance_time(state, changes, at)
        record_envelope(state, changes, event)
        handler(state, changes, event, at)
    return replace(state, **changes)


def fold_packed(packed: bytes, record: EventRecord) -> bytes:  # stand-in until the fold on bytes arrives
    """`fold` on packed states, b"" for none; the very same object when the record was applied before."""
    state = unpack(packed) if packed else EMPTY
    after = fold(state, record)
    return packed if after is state else pack(after)


def _view_page(state: VisitorState, changes: StateChanges, event: e.WithProperties, at: int) -> None:
    properties = event.properties
    record_dwell(state, changes, properties.engagement_time_msec)
    if properties.category:
        update_category_affinity(state, changes, properties.category, PAGE_GAIN, at)


def _view_item(state: VisitorState, changes: StateChanges, event: e.ViewItem, at: int) -> None:
    properties = event.properties
    record_dwell(state, changes, properties.engagement_time_msec)
    record_views(state, changes, properties.items, at=at, engaged_ms=properties.engagement_time_msec)
    update_affinities(state, changes, properties.items, VIEW_GAIN, at)


def _select_item(state: VisitorState, changes: StateChanges, event: e.SelectItem, at: int) -> None:
    update_affinities(state, changes, event.properties.items, CLICK_GAIN, at)


def _search(state: VisitorState, changes: StateChanges, event: e.Search, at: int) -> None:
    record_search(state, changes, event.properties.search_term)


def _add_to_wishlist(state: VisitorState, changes: StateChanges, event: e.AddToWishlist, at: int) -> None:
    add_to_wishlist(state, changes, event.properties.items)
    update_affinities(state, changes, event.properties.items, WISH_GAIN, at)


def _add_to_cart(state: VisitorState, changes: StateChanges, event: e.AddToCart, at: int) -> None:
    add_to_cart(state, changes, event.properties.items, at)
    update_affinities(state, changes, event.properties.items, CART_GAIN, at)


def _remove_from_cart(state: VisitorState, changes: StateChanges, event: e.RemoveFromCart, at: int) -> None:
    remove_from_cart(state, changes, event.properties.items)


def _view_cart(state: VisitorState, changes: StateChanges, event: e.ViewCart, at: int) -> None:
    replace_cart(state, changes, event.properties.items, at)


def _purchase(state: VisitorState, changes: StateChanges, event: e.Purchase, at: int) -> None:
    _order(state, changes, event.properties, at)
    clear_cart(changes)


def _purchase_in_store(state: VisitorState, changes: StateChanges, event: e.StorePurchase, at: int) -> None:
    _order(state, changes, event.properties, at)
    remove_from_cart(state, changes, event.properties.items)


def _order(state: VisitorState, changes: StateChanges, order: e.OrderProperties, at: int) -> None:
    record_order(state, changes, order, at)
    update_purchase_affinities(state, changes, order.items, at)
    update_affinities(state, changes, order.items, PURCHASE_GAIN, at)


def _refund(state: VisitorState, changes: StateChanges, event: e.Refund, at: int) -> None:
    subtract_refund(state, changes, event.properties.value)
    remove_returned(state, changes, event.properties.items)


def _return(state: VisitorState, changes: StateChanges, event: e.ReturnCompleted, at: int) -> None:
    remove_returned(state, changes, event.properties.items)


def _view_promotion(state: VisitorState, changes: StateChanges, event: e.WithProperties, at: int) -> None:
    record_promotion(state, changes, event.properties, answered=False)


def _answer_promotion(state: VisitorState, changes: StateChanges, event: e.WithProperties, at: int) -> None:
    record_promotion(state, changes, event.properties, answered=True)
    update_affinities(state, changes, event.properties.items, CLICK_GAIN, at)


def _share(state: VisitorState, changes: StateChanges, event: e.WithProperties, at: int) -> None:
    count_share(state, changes)
    update_affinities(state, changes, event.properties.items, SHARE_GAIN, at)


def _dismiss_module(state: VisitorState, changes: StateChanges, event: e.ModuleDismissed, at: int) -> None:
    record_dismissal(state, changes, event.module_id)


def _update_consent(state: VisitorState, changes: StateChanges, event: e.ConsentUpdated, at: int) -> None:
    set_consent(state, changes, event.properties.purposes)


def _try_on(state: VisitorState, changes: StateChanges, event: e.TryonStarted, at: int) -> None:
    update_affinities(state, changes, event.properties.items, TRY_ON_GAIN, at)


def _review(state: VisitorState, changes: StateChanges, event: e.ReviewSubmitted, at: int) -> None:
    if (event.properties.rating or 0.0) >= GOOD_RATING:
        update_affinities(state, changes, event.properties.items, GOOD_REVIEW_GAIN, at)


def _count_only(state: VisitorState, changes: StateChanges, event: e.WithProperties, at: int) -> None:
    """Time, session, channel and device are all that the event changes."""


HANDLERS: Mapping[type, Handler] = {
    e.PageView: _view_page,
    e.ViewItemList: _view_page,
    e.SelectItem: _select_item,
    e.ViewItem: _view_item,
    e.Search: _search,
    e.AddToWishlist: _add_to_wishlist,
    e.AddToCart: _add_to_cart,
    e.RemoveFromCart: _remove_from_cart,
    e.ViewCart: _view_cart,
    e.BeginCheckout: _view_cart,
    e.Purchase: _purchase,
    e.Refund: _refund,
    e.ViewPromotion: _view_promotion,
    e.SelectPromotion: _answer_promotion,
    e.Share: _share,
    e.Login: _count_only,
    e.SignUp: _count_only,
    e.ModuleViewed: _view_promotion,
    e.ModuleDismissed: _dismiss_module,
    e.ConsentUpdated: _update_consent,
    e.ChatStarted: _count_only,
    e.TryonStarted: _try_on,
    e.ReturnCompleted: _return,
    e.ReviewSubmitted: _review,
    e.EmailOpened: _view_promotion,
    e.EmailClicked: _answer_promotion,
    e.StoreVisit: _count_only,
    e.StorePurchase: _purchase_in_store,
    e.SocialEngaged: _share,
    e.SupportContacted: _count_only,
}
"""What each event changes. A test compares the keys with the known events, so a new event cannot be missed;
an event that is not here (an unknown name) changes the record id alone."""
