"""What every event changes, whatever its kind: messages known, time, session, channel, device and consent."""

from collections.abc import Mapping
from typing import get_args

import cython

from models import use_compiled
from models.visitor.state import PURPOSES
from schemas.events import Channel, Device, Event

if not cython.compiled:
    from models.visitor.state_fields import (
        KIND_NOW_BRANDS,
        KIND_NOW_CATEGORIES,
        MESSAGES_MAX,
        WINDOW_BYTES_MAX,
        WINDOW_ENTRY,
        WINDOW_HEAD,
        WINDOW_VERSION,
    )
    from models.visitor.typed_state import TypedState

SESSION_GAP_S = cython.declare(cython.longlong, 30 * 60)
"""The field's usual default (GA4): a longer silence begins a new session."""
WINDOW_MINUTES = cython.declare(cython.longlong, 60)
"""How long a message id is known after it left the newest ones, by the time of records."""
SPAN_MINUTES = cython.declare(cython.longlong, 120)
"""What a window spans, at most, before what is over is taken out of it."""
WINDOW_IDS_LEFT = cython.declare(cython.int, 3072)
"""What is left of a window that is full: one in four ids goes, so that this is seldom."""
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
def has_message(state: TypedState, message: cython.ulonglong, arrival: cython.double) -> cython.bint:
    """Whether a message is known, so that a client's retry is not counted twice.

    Args:
        state: With its window.
        message: hash64 of a message id.
        arrival: The broker's append time of the record that brought it, epoch seconds.

    Returns:
        Whether it is one of the newest MESSAGES_MAX that were counted, or left those within WINDOW_MINUTES.

    Complexity: O(ids that left within WINDOW_MINUTES), at most WINDOW_IDS_MAX.
    """
    i: cython.int = 0
    while i < state.message_count and state.message_keys[i] != message:
        i += 1
    return i < state.message_count or _is_in_window(state.window, message, minute_of(arrival))


@cython.cfunc
def add_message(state: TypedState, message: cython.ulonglong, arrival: cython.double) -> cython.void:
    """Remembers a message as the newest one; the one that it drives out goes into the window."""
    i: cython.int
    if state.message_count == MESSAGES_MAX:
        _add_to_window(state, state.message_keys[MESSAGES_MAX - 1], minute_of(arrival))
    state.message_count = min(MESSAGES_MAX, state.message_count + 1)
    for i in range(state.message_count - 1, 0, -1):
        state.message_keys[i] = state.message_keys[i - 1]
    state.message_keys[0] = message


@cython.ccall
def window_end(window: bytes) -> cython.longlong:
    """The last minute (epoch) in which fold looks at a window that is not b""."""
    return _first_minute(window) + window[len(window) - WINDOW_ENTRY] + WINDOW_MINUTES


@cython.ccall
def minute_of(arrival: cython.double) -> cython.longlong:
    """The minute (epoch) of a broker's append time, epoch seconds."""
    return clamp_seconds(arrival) // 60


@cython.cfunc
def _first_minute(window: bytes) -> cython.longlong:
    return _number_at(window, 1, 4)


@cython.cfunc
def _number_at(window: bytes, start: cython.int, size: cython.int) -> cython.ulonglong:
    number: cython.ulonglong = 0
    i: cython.int
    for i in range(start + size - 1, start - 1, -1):
        number = number << 8 | window[i]
    return number


@cython.cfunc
def _is_in_window(window: bytes, message: cython.ulonglong, minute: cython.longlong) -> cython.bint:
    if not window:
        return False
    since: cython.longlong = minute - WINDOW_MINUTES - _first_minute(window)
    low: cython.int = message & 0xFF
    place: cython.int = len(window) - WINDOW_ENTRY
    while place >= WINDOW_HEAD and window[place] >= since:
        if window[place + 1] == low and _number_at(window, place + 1, 8) == message:
            return True
        place -= WINDOW_ENTRY
    return False


@cython.cfunc
def _add_to_window(state: TypedState, message: cython.ulonglong, minute: cython.longlong) -> cython.void:
    """One more id. Old ones are taken out only now and then, so that mostly bytes are only added."""
    window: bytes = state.window
    first: cython.longlong = minute
    if window and minute > window_end(window):
        window = b""
    if window:
        minute = max(minute, window_end(window) - WINDOW_MINUTES)
        first = _first_minute(window)
        if minute - first > SPAN_MINUTES or len(window) >= WINDOW_BYTES_MAX:
            window = _trim_window(window, minute)
            first = _first_minute(window)
    state.next = 0
    if not window:
        state.put(WINDOW_VERSION, 1)
        state.put(first, 4)
    state.put(minute - first, 1)
    state.put(message, 8)
    state.window = window + state.end_packing()


@cython.cfunc
def _trim_window(window: bytes, minute: cython.longlong) -> bytes:
    """Without what is over, and without the oldest above WINDOW_IDS_LEFT; the newest id is not over."""
    since: cython.longlong = minute - WINDOW_MINUTES - _first_minute(window)
    start: cython.int = max(WINDOW_HEAD, len(window) - WINDOW_ENTRY * WINDOW_IDS_LEFT)
    while window[start] < since:
        start += WINDOW_ENTRY
    later: cython.int = window[start]
    first: cython.longlong = _first_minute(window) + later
    left: bytearray = bytearray(window[start - WINDOW_HEAD :])
    left[0] = WINDOW_VERSION
    i: cython.int
    for i in range(4):
        left[1 + i] = first >> 8 * i & 0xFF
    for i in range(WINDOW_HEAD, len(left), WINDOW_ENTRY):
        left[i] = max(0, left[i] - later)
    return bytes(left)


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
