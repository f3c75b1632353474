"""Time of a visitor: when an event happened, sessions, and the decay that the passing of time brings."""

from __future__ import annotations

from models.visitor.decay import BOUGHT_TICK_S, LONG_TICK_S, NOW_TICK_S, count_ticks, decay_all, decay_weight
from models.visitor.state import StateChanges, VisitorState
from schemas.events import Event

SESSION_GAP_S = 30 * 60
"""The field's usual default (GA4): a longer silence begins a new session."""
TIME_MAX = 0xFFFF_FFFF
COUNT_MAX = 0xFFFF


def effective_time(event: Event, arrival: float) -> float:
    """When an event happened by our clock.

    Args:
        event: With `timestamp`, and maybe `sent_at`, both by the client's clock.
        arrival: The broker's append time, epoch seconds.

    Returns:
        Epoch seconds: min(timestamp + (arrival - sent_at), arrival), the client's time corrected by how far
        its clock was off when it sent; without `sent_at` min(timestamp, arrival).

    Reference: `sentAt` of Segment's event envelope, which serves the same correction.
    """
    at = event.timestamp.timestamp()
    if event.sent_at is not None:
        at += arrival - event.sent_at.timestamp()
    return min(at, arrival)


def clamp_seconds(time: float) -> int:
    """The whole second that a state can hold, 0 to TIME_MAX."""
    return min(TIME_MAX, max(0, int(time)))


def advance_time(state: VisitorState, changes: StateChanges, at: int) -> None:
    """Moves the state's time on to `at` (never back), decays its affinities and counts the event."""
    now = max(state.at, at)
    changes["at"] = now
    changes["events"] = min(TIME_MAX, state.events + 1)
    if not state.events:
        changes["first_at"] = at
    if now // NOW_TICK_S != state.at // NOW_TICK_S:
        _decay_affinities(state, changes, now)
    if not state.events or at - state.at > SESSION_GAP_S:
        _begin_session(state, changes, at)
    elif at >= state.session_at - SESSION_GAP_S:
        changes["session_events"] = min(COUNT_MAX, state.session_events + 1)


def _decay_affinities(state: VisitorState, changes: StateChanges, now: int) -> None:
    minutes = count_ticks(state.at, now, NOW_TICK_S)
    changes["now_categories"] = decay_all(state.now_categories, minutes)
    changes["now_brands"] = decay_all(state.now_brands, minutes)
    days = count_ticks(state.at, now, LONG_TICK_S)
    if days:
        changes["categories"] = decay_all(state.categories, days)
        changes["brands"] = decay_all(state.brands, days)
        changes["colours"] = decay_all(state.colours, days)
        changes["sizes"] = decay_all(state.sizes, days)
        changes["price_bands"] = decay_all(state.price_bands, days)
        changes["price_weight"] = decay_weight(state.price_weight, days)
        bought_ticks = count_ticks(state.at, now, BOUGHT_TICK_S)
        changes["bought_categories"] = decay_all(state.bought_categories, bought_ticks)


def _begin_session(state: VisitorState, changes: StateChanges, at: int) -> None:
    changes["sessions"] = min(COUNT_MAX, state.sessions + 1)
    changes["session_at"] = at
    changes["session_events"] = 1
    changes["session_views"] = 0
    changes["now_categories"] = {}
    changes["now_brands"] = {}
    changes["returns_to_item"] = 0
    if state.cart:
        changes["carts_left"] = min(255, state.carts_left + 1)
