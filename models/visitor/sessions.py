"""Time of a visitor: when an event happened, sessions, and the decay that the passing of time brings."""

from __future__ import annotations

from models.visitor.changes import Changes
from models.visitor.decay import BOUGHT_TICK_S, LONG_TICK_S, NOW_TICK_S, aged_weight, decay_all, ticks
from models.visitor.state import VisitorState
from schemas.events import Event

SESSION_GAP_S = 30 * 60
"""The field's usual default: a longer silence begins a new session."""
TIME_MAX = 0xFFFF_FFFF
COUNT_MAX = 0xFFFF


def effective_time(event: Event, arrival: float) -> float:
    """When the event happened by our clock, epoch seconds: the client's time, corrected by how far its
    clock was off when it sent, and never after `arrival`."""
    at = event.timestamp.timestamp()
    if event.sent_at is not None:
        at += arrival - event.sent_at.timestamp()
    return min(at, arrival)


def second_of(time: float) -> int:
    """A whole second that the state can hold."""
    return min(TIME_MAX, max(0, int(time)))


def pass_time(state: VisitorState, changes: Changes, at: int) -> None:
    """Moves the state's time on to `at` (never back), fades its tastes and counts the event."""
    now = max(state.at, at)
    changes["at"] = now
    changes["events"] = min(TIME_MAX, state.events + 1)
    if not state.events:
        changes["first_at"] = at
    if now // NOW_TICK_S != state.at // NOW_TICK_S:
        _fade(state, changes, now)
    if not state.events or at - state.at > SESSION_GAP_S:
        _begin_session(state, changes, at)
    elif at >= state.session_at - SESSION_GAP_S:
        changes["session_events"] = min(COUNT_MAX, state.session_events + 1)


def _fade(state: VisitorState, changes: Changes, now: int) -> None:
    minutes = ticks(state.at, now, NOW_TICK_S)
    changes["now_categories"] = decay_all(state.now_categories, minutes)
    changes["now_brands"] = decay_all(state.now_brands, minutes)
    days = ticks(state.at, now, LONG_TICK_S)
    if days:
        changes["categories"] = decay_all(state.categories, days)
        changes["brands"] = decay_all(state.brands, days)
        changes["colours"] = decay_all(state.colours, days)
        changes["sizes"] = decay_all(state.sizes, days)
        changes["price_bands"] = decay_all(state.price_bands, days)
        changes["price_weight"] = aged_weight(state.price_weight, days)
        seasons = ticks(state.at, now, BOUGHT_TICK_S)
        changes["bought_categories"] = decay_all(state.bought_categories, seasons)


def _begin_session(state: VisitorState, changes: Changes, at: int) -> None:
    changes["sessions"] = min(COUNT_MAX, state.sessions + 1)
    changes["session_at"] = at
    changes["session_events"] = 1
    changes["session_views"] = 0
    changes["now_categories"] = {}
    changes["now_brands"] = {}
    changes["returns_to_item"] = 0
    if state.cart:
        changes["carts_left"] = min(255, state.carts_left + 1)
