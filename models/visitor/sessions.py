"""Event time, sessions, and affinity decay."""

from __future__ import annotations

from models.visitor.decay import BOUGHT_TICK_S, LONG_TICK_S, NOW_TICK_S, count_ticks, decay_all, decay_weight
from models.visitor.state import StateChanges, VisitorState
from schemas.events import Event

SESSION_GAP_S = 30 * 60
"""The field's usual default (GA4): a longer silence begins a new session."""
UINT32_MAX = 0xFFFF_FFFF
UINT16_MAX = 0xFFFF
UINT8_MAX = 0xFF


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
    """The whole second that a state can hold, 0 to UINT32_MAX."""
    return min(UINT32_MAX, max(0, int(time)))


def advance_time(state: VisitorState, changes: StateChanges, at: int) -> None:
    """Fills `changes`: time moved on to `at` (never back), affinities decayed, the event counted."""
    now = max(state.at, at)
    changes["at"] = now
    changes["events"] = min(UINT32_MAX, state.events + 1)
    if not state.events:
        changes["first_at"] = at
    if now // NOW_TICK_S != state.at // NOW_TICK_S:
        _decay_affinities(state, changes, now)
    if not state.events or at - state.at > SESSION_GAP_S:
        _begin_session(state, changes, at)
    elif at >= state.session_at - SESSION_GAP_S:
        changes["session_events"] = min(UINT16_MAX, state.session_events + 1)


def _decay_affinities(state: VisitorState, changes: StateChanges, now: int) -> None:
    """Decays by whole ticks; longer ticks are multiples of shorter ones, so the shortest is asked first."""
    now_ticks = count_ticks(state.at, now, NOW_TICK_S)
    changes["now_categories"] = decay_all(state.now_categories, now_ticks)
    changes["now_brands"] = decay_all(state.now_brands, now_ticks)
    long_ticks = count_ticks(state.at, now, LONG_TICK_S)
    if long_ticks:
        changes["categories"] = decay_all(state.categories, long_ticks)
        changes["brands"] = decay_all(state.brands, long_ticks)
        changes["colours"] = decay_all(state.colours, long_ticks)
        changes["sizes"] = decay_all(state.sizes, long_ticks)
        changes["price_bands"] = decay_all(state.price_bands, long_ticks)
        changes["price_weight"] = decay_weight(state.price_weight, long_ticks)
        bought_ticks = count_ticks(state.at, now, BOUGHT_TICK_S)
        changes["bought_categories"] = decay_all(state.bought_categories, bought_ticks)


def _begin_session(state: VisitorState, changes: StateChanges, at: int) -> None:
    changes["sessions"] = min(UINT16_MAX, state.sessions + 1)
    changes["session_at"] = at
    changes["session_events"] = 1
    changes["session_views"] = 0
    changes["now_categories"] = {}
    changes["now_brands"] = {}
    changes["returns_to_item"] = 0
    if state.cart:
        changes["carts_left"] = min(UINT8_MAX, state.carts_left + 1)
