"""What every event changes, whatever its kind: messages known, time, session, channel, device and consent."""

from collections.abc import Mapping
from typing import get_args

import cython

from models import use_compiled
from models.visitor.state import PURPOSES
from schemas.events import Channel, Device, Event

if not cython.compiled:
    from models.visitor.state_fields import KIND_NOW_BRANDS, KIND_NOW_CATEGORIES, MESSAGES_MAX
    from models.visitor.typed_state import TypedState

SESSION_GAP_S = cython.declare(cython.longlong, 30 * 60)
"""The field's usual default (GA4): a longer silence begins a new session."""
UINT32_MAX = cython.declare(cython.longlong, 0xFFFF_FFFF)
UINT16_MAX = cython.declare(cython.longlong, 0xFFFF)
UINT8_MAX = cython.declare(cython.int, 0xFF)

CHANNELS: Mapping[str, int] = {name: index for index, name in enumerate(get_args(Channel))}
DEVICES: Mapping[str, int] = {name: index for index, name in enumerate(get_args(Device))}
PURPOSE_BITS: Mapping[str, int] = {
    **{name: 2 * index for index, name in enumerate(PURPOSES)},
    # Google's consent mode names of the same purposes.
    "personalization_storage": 2 * PURPOSES.index("personalization"),
    "analytics_storage": 2 * PURPOSES.index("analytics"),
    "ad_storage": 2 * PURPOSES.index("ads"),
    "functionality_storage": 2 * PURPOSES.index("functional"),
}


@cython.ccall
def has_message(state: TypedState, message: cython.ulonglong) -> cython.bint:
    """Whether the message of this hash64 is among the newest ones, so that a retry is not counted twice."""
    i: cython.int = 0
    while i < state.message_count and state.message_keys[i] != message:
        i += 1
    return i < state.message_count


@cython.cfunc
def add_message(state: TypedState, message: cython.ulonglong) -> cython.void:
    """Remembers a message as the newest one."""
    i: cython.int
    state.message_count = min(MESSAGES_MAX, state.message_count + 1)
    for i in range(state.message_count - 1, 0, -1):
        state.message_keys[i] = state.message_keys[i - 1]
    state.message_keys[0] = message


@cython.ccall
def effective_time(event: Event, arrival: cython.double) -> cython.double:
    """When an event happened by our clock.

    Args:
        event: With `timestamp`, and maybe `sent_at`, both by the client's clock.
        arrival: The broker's append time, epoch seconds.

    Returns:
        Epoch seconds: min(timestamp + (arrival - sent_at), arrival), the client's time corrected by how far
        its clock was off when it sent; without `sent_at` min(timestamp, arrival).

    Reference: `sentAt` of Segment's event envelope, which serves the same correction.
    """
    at: cython.double = event.timestamp.timestamp()
    if event.sent_at is not None:
        sent_at: cython.double = event.sent_at.timestamp()
        at += arrival - sent_at
    return min(at, arrival)


@cython.cfunc
def clamp_seconds(time: cython.double) -> cython.longlong:
    """The whole second that a state can hold, 0 to UINT32_MAX."""
    return int(min(UINT32_MAX, max(0.0, time)))


@cython.cfunc
def advance_time(state: TypedState, at: cython.longlong) -> cython.void:
    """Moves time on to `at` (never back), counts the event, begins a session when due."""
    before: cython.longlong = state.at
    known: cython.bint = state.events > 0
    state.at = max(before, at)
    state.events = min(UINT32_MAX, state.events + 1)
    if not known:
        state.first_at = at
    if not known or at - before > SESSION_GAP_S:
        _begin_session(state, at)
    elif at >= state.session_at - SESSION_GAP_S:
        state.session_events = min(UINT16_MAX, state.session_events + 1)


@cython.cfunc
def _begin_session(state: TypedState, at: cython.longlong) -> cython.void:
    state.sessions = min(UINT16_MAX, state.sessions + 1)
    state.session_at = at
    state.session_events = 1
    state.session_views = 0
    state.sizes[KIND_NOW_CATEGORIES] = state.sizes[KIND_NOW_BRANDS] = 0
    state.returns_to_item = 0
    if state.cart_count:
        state.carts_left = min(UINT8_MAX, state.carts_left + 1)


@cython.ccall
def list_session_views(state: TypedState, at: cython.double) -> list[int]:
    """Keys viewed in the session that an event at `at` belongs to, newest first; none for a new one."""
    if at - state.at > SESSION_GAP_S or at < state.session_at - SESSION_GAP_S:
        return []
    return [state.recent_keys[i] for i in range(state.recent_count) if state.recent_at[i] >= state.session_at]


@cython.ccall
def has_viewed_since(state: TypedState, key: cython.longlong, since: cython.double) -> cython.bint:
    """Whether the item of this key is a recent one, viewed at or after `since` (epoch seconds)."""
    i: cython.int
    for i in range(state.recent_count):
        if state.recent_keys[i] == key:
            return state.recent_at[i] >= since
    return False


@cython.ccall
def list_bought_since(state: TypedState, since: cython.double) -> list[int]:
    """Keys of the items bought at or after `since` (epoch seconds)."""
    return [state.bought_keys[i] for i in range(state.bought_count) if state.bought_at[i] >= since]


@cython.ccall
def count_events(state: TypedState) -> cython.longlong:
    """How many events a state includes."""
    return state.events


@cython.ccall
def count_shares(state: TypedState) -> cython.longlong:
    """How often the visitor shared something, at most 255."""
    return state.shares


@cython.cfunc
def record_envelope(state: TypedState, event: Event) -> cython.void:
    """Counts the channel and the device of an event, and takes over the consent it carries."""
    context = event.context
    _increment(state.channels, CHANNELS[event.channel])
    if context is None:
        return
    if context.device is not None:
        _increment(state.devices, DEVICES[context.device])
    if context.consent:
        set_consent(state, context.consent)


@cython.cfunc
def _increment(counts: cython.int[::1], index: cython.int) -> cython.void:
    """One more at `index`; all halve before one would pass 255, which keeps the mix and forgets slowly."""
    i: cython.int
    if counts[index] == UINT8_MAX:
        for i in range(len(counts)):
            counts[i] = counts[i] // 2
    counts[index] += 1


@cython.cfunc
def set_consent(state: TypedState, purposes: Mapping[str, bool]) -> cython.void:
    """The newest answer for each purpose holds; names we do not know are left alone."""
    for name, granted in purposes.items():
        shift = PURPOSE_BITS.get(name)
        if shift is not None:
            state.consent = state.consent & ~(3 << shift) | (3 if granted else 1) << shift


@cython.ccall
def has_refused(state: TypedState) -> cython.bint:
    """Whether the visitor refused personalization, the first of PURPOSES; no answer is no refusal here."""
    return state.consent & 3 == 1


if not cython.compiled:
    use_compiled(globals())
