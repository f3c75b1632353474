"""Decodes events and encodes values as JSON; decoding errors of msgspec become InvalidEvent here."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from schemas.errors import InvalidEvent
from schemas.events import EVENT_BYTES_MAX, EVENT_NAMES, Event, KnownEvent, OtherEvent

DECODE_ERRORS = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, ValueError)
"""Everything that msgspec raises on malformed or hostile bytes."""

_KNOWN = frozenset(EVENT_NAMES)
_decode_known = msgspec.json.Decoder(KnownEvent).decode


class _Named(Struct):
    event: Annotated[str, Meta(min_length=1, max_length=100)]


_decode_named = msgspec.json.Decoder(_Named).decode
_decode_other_event = msgspec.json.Decoder(OtherEvent).decode
encode = msgspec.json.Encoder(decimal_format="number").encode


def decode_event(raw: bytes | None) -> Event:
    """Decode the value of a record on `events.v1`, or one event of a request.

    Args:
        raw: The JSON of one event, at most EVENT_BYTES_MAX bytes; None for a tombstone.

    Returns:
        The event; an OtherEvent when its name is not in EVENT_NAMES.

    Raises:
        InvalidEvent: With the path of the wrong field, and `reason` tombstone, too_large or invalid.
    """
    if raw is None:
        raise InvalidEvent("a record without a value (tombstone)", reason="tombstone")
    if not raw:
        raise InvalidEvent("the record is empty")
    if len(raw) > EVENT_BYTES_MAX:
        raise InvalidEvent(f"{len(raw)} bytes, the limit is {EVENT_BYTES_MAX}", reason="too_large")
    try:
        event: Event = _decode_known(raw)
    except DECODE_ERRORS as exc:
        event = _decode_other(raw, exc)
    if event.user_id is None and event.anonymous_id is None:
        raise InvalidEvent("anonymous_id or user_id is required - at `$`")
    return event


def _decode_other(raw: bytes, known_error: Exception) -> OtherEvent:
    """Decode an event of an unknown name; raises InvalidEvent with `known_error` for a known name."""
    try:
        name = _decode_named(raw).event
        if name in _KNOWN:
            raise InvalidEvent(str(known_error)) from known_error
        return _decode_other_event(raw)
    except DECODE_ERRORS as exc:
        raise InvalidEvent(str(exc)) from exc
