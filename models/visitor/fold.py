"""State changes here and nowhere else: one record, one visitor's state, the next state. Pure.

Idempotent by the offset; a client's retry is known by its message id; time is the record's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from models.visitor.affinities import update_affinities, update_bought, update_category
from models.visitor.browsing import dwell_on, look_at, search_for, wish_for
from models.visitor.cart import add_to_cart, buy, clear_cart, give_back, pay_back, show_cart, take_from_cart
from models.visitor.changes import Changes
from models.visitor.engagement import dismiss, meet, promote, set_consent, share
from models.visitor.sessions import effective_time, pass_time, second_of
from models.visitor.state import MESSAGE_IDS_MAX, EventRecord, VisitorState, already_applied
from schemas import events as e
from schemas.ids import hash64

# What an act says of a taste, in plain views. Purchases also have a slow taste of their own.
CLICK = 0.5
PAGE = 0.5
VIEW = 1.0
TRY = 2.0
WISH = 2.0
SHARE = 2.0
CART = 3.0
BUY = 4.0
GOOD_REVIEW = 2.0
GOOD_RATING = 4.0

Act = Callable[[VisitorState, Changes, Any, int], None]


def fold(state: VisitorState, record: EventRecord) -> VisitorState:
    """The state after `record`; the very same object when it was applied before.

    A repeated message id and an event of an unknown name change nothing but the record id.
    """
    if already_applied(state, record.incarnation, record.offset):
        return state
    event = record.event
    act = ACTS.get(type(event))
    changes: Changes = {"incarnation": record.incarnation, "offset": record.offset}
    if act is not None and (message := hash64(event.message_id)) not in state.message_ids:
        changes["message_ids"] = (message, *state.message_ids[: MESSAGE_IDS_MAX - 1])
        at = second_of(effective_time(event, record.arrival))
        pass_time(state, changes, at)
        meet(state, changes, event)
        act(state, changes, event, at)
    return replace(state, **changes)


def _page(state: VisitorState, changes: Changes, event: e.WithProperties, at: int) -> None:
    properties = event.properties
    dwell_on(state, changes, properties.engagement_time_msec)
    if properties.category:
        update_category(state, changes, properties.category, PAGE, at)


def _view(state: VisitorState, changes: Changes, event: e.ViewItem, at: int) -> None:
    properties = event.properties
    dwell_on(state, changes, properties.engagement_time_msec)
    look_at(state, changes, properties.items, at=at, engaged_ms=properties.engagement_time_msec)
    update_affinities(state, changes, properties.items, VIEW, at)


def _select(state: VisitorState, changes: Changes, event: e.SelectItem, at: int) -> None:
    update_affinities(state, changes, event.properties.items, CLICK, at)


def _search(state: VisitorState, changes: Changes, event: e.Search, at: int) -> None:
    search_for(state, changes, event.properties.search_term)


def _wish(state: VisitorState, changes: Changes, event: e.AddToWishlist, at: int) -> None:
    wish_for(state, changes, event.properties.items)
    update_affinities(state, changes, event.properties.items, WISH, at)


def _add_to_cart(state: VisitorState, changes: Changes, event: e.AddToCart, at: int) -> None:
    add_to_cart(state, changes, event.properties.items, at)
    update_affinities(state, changes, event.properties.items, CART, at)


def _remove_from_cart(state: VisitorState, changes: Changes, event: e.RemoveFromCart, at: int) -> None:
    take_from_cart(state, changes, event.properties.items)


def _show_cart(state: VisitorState, changes: Changes, event: e.ViewCart, at: int) -> None:
    show_cart(state, changes, event.properties.items, at)


def _purchase(state: VisitorState, changes: Changes, event: e.Purchase, at: int) -> None:
    _bought(state, changes, event.properties, at)
    clear_cart(changes)


def _store_purchase(state: VisitorState, changes: Changes, event: e.StorePurchase, at: int) -> None:
    _bought(state, changes, event.properties, at)
    take_from_cart(state, changes, event.properties.items)


def _bought(state: VisitorState, changes: Changes, order: e.OrderProperties, at: int) -> None:
    buy(state, changes, order, at)
    update_bought(state, changes, order.items, at)
    update_affinities(state, changes, order.items, BUY, at)


def _refund(state: VisitorState, changes: Changes, event: e.Refund, at: int) -> None:
    pay_back(state, changes, event.properties.value)
    give_back(state, changes, event.properties.items)


def _return(state: VisitorState, changes: Changes, event: e.ReturnCompleted, at: int) -> None:
    give_back(state, changes, event.properties.items)


def _promotion_met(state: VisitorState, changes: Changes, event: e.WithProperties, at: int) -> None:
    promote(state, changes, event.properties, answered=False)


def _promotion_answered(state: VisitorState, changes: Changes, event: e.WithProperties, at: int) -> None:
    promote(state, changes, event.properties, answered=True)
    update_affinities(state, changes, event.properties.items, CLICK, at)


def _share(state: VisitorState, changes: Changes, event: e.WithProperties, at: int) -> None:
    share(state, changes)
    update_affinities(state, changes, event.properties.items, SHARE, at)


def _dismiss(state: VisitorState, changes: Changes, event: e.ModuleDismissed, at: int) -> None:
    dismiss(state, changes, event.module_id)


def _consent(state: VisitorState, changes: Changes, event: e.ConsentUpdated, at: int) -> None:
    set_consent(state, changes, event.properties.purposes)


def _try_on(state: VisitorState, changes: Changes, event: e.TryonStarted, at: int) -> None:
    update_affinities(state, changes, event.properties.items, TRY, at)


def _review(state: VisitorState, changes: Changes, event: e.ReviewSubmitted, at: int) -> None:
    if (event.properties.rating or 0.0) >= GOOD_RATING:
        update_affinities(state, changes, event.properties.items, GOOD_REVIEW, at)


def _contact(state: VisitorState, changes: Changes, event: e.WithProperties, at: int) -> None:
    """Time, session and channel are all it tells."""


ACTS: Mapping[type, Act] = {
    e.PageView: _page,
    e.ViewItemList: _page,
    e.SelectItem: _select,
    e.ViewItem: _view,
    e.Search: _search,
    e.AddToWishlist: _wish,
    e.AddToCart: _add_to_cart,
    e.RemoveFromCart: _remove_from_cart,
    e.ViewCart: _show_cart,
    e.BeginCheckout: _show_cart,
    e.Purchase: _purchase,
    e.Refund: _refund,
    e.ViewPromotion: _promotion_met,
    e.SelectPromotion: _promotion_answered,
    e.Share: _share,
    e.Login: _contact,
    e.SignUp: _contact,
    e.ModuleViewed: _promotion_met,
    e.ModuleDismissed: _dismiss,
    e.ConsentUpdated: _consent,
    e.ChatStarted: _contact,
    e.TryonStarted: _try_on,
    e.ReturnCompleted: _return,
    e.ReviewSubmitted: _review,
    e.EmailOpened: _promotion_met,
    e.EmailClicked: _promotion_answered,
    e.StoreVisit: _contact,
    e.StorePurchase: _store_purchase,
    e.SocialEngaged: _share,
    e.SupportContacted: _contact,
}
"""What each event does; a name without a line here would be a KeyError of a test, not a silent nothing."""
