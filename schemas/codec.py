"""Decodes events and encodes values as JSON; decoding errors of msgspec become InvalidEvent here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from schemas.errors import InvalidEvent
from schemas.events import EVENT_BYTES_MAX, EVENT_NAMES, Event, KnownEvent, OtherEvent
from schemas.intake.mending import Unmendable, hint_of, mend_event, note_unknown_name
from schemas.intake.notes import Done, Note, Notes
from schemas.intake.parsing import parse_json

DECODE_ERRORS = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, ValueError)
"""Everything that msgspec raises on malformed or hostile bytes."""

_KNOWN = frozenset(EVENT_NAMES)
_decode_known = msgspec.json.Decoder(KnownEvent).decode


class _Named(Struct):
    event: Annotated[str, Meta(min_length=1, max_length=100)]


_decode_named = msgspec.json.Decoder(_Named).decode
_decode_other_event = msgspec.json.Decoder(OtherEvent).decode
encode = msgspec.json.Encoder(decimal_format="number").encode


class DecodedEvent(Struct, frozen=True, gc=False):
    """An event with the JSON that it fits, and what was done to make it fit, for its sender.

    `counts` has every note, by label and what was done; `notes` are as many as are shown.
    """

    event: Event
    value: bytes
    notes: Sequence[Note] = ()
    counts: Mapping[tuple[str, Done], int] = MappingProxyType({})


def decode_event(raw: bytes | None) -> Event:
    """Decode the value of a record on `events.v1`, or one event of a request.

    Args:
        raw: The JSON of one event, at most EVENT_BYTES_MAX bytes; None for a tombstone.

    Returns:
        The event, its optional fields made to fit; an OtherEvent when its name is not in EVENT_NAMES.

    Raises:
        InvalidEvent: With the path of the wrong field, and `reason` tombstone, too_large or invalid.
    """
    return decode_with_notes(raw).event


def decode_with_notes(raw: bytes | None) -> DecodedEvent:
    """The same, with the JSON that the event fits, and notes of what was done to it.

    An event that fits is decoded once; another takes O(its bytes) more. The JSON decodes as it is, unless the
    event lacks what it is about.
    """
    raw = _check_size(raw)
    try:
        event: Event = _decode_known(raw)
    except DECODE_ERRORS as exc:
        return _decode_other(raw, exc)
    _check_somebody(event)
    return DecodedEvent(event, raw)


def _check_size(raw: bytes | None) -> bytes:
    if raw is None:
        raise InvalidEvent("a record without a value (tombstone)", reason="tombstone")
    if not raw:
        raise InvalidEvent("the record is empty")
    if len(raw) > EVENT_BYTES_MAX:
        raise InvalidEvent(f"{len(raw)} bytes, the limit is {EVENT_BYTES_MAX}", reason="too_large")
    return raw


def _check_somebody(event: Event) -> None:
    if event.user_id is None and event.anonymous_id is None:
        raise InvalidEvent("anonymous_id or user_id is required - at `$`")


def _decode_other(raw: bytes, error: Exception) -> DecodedEvent:
    """An event of a name that we do not know, or one that has to be mended; `error` of one that we know."""
    try:
        name = _decode_named(raw).event
        if name not in _KNOWN:
            return _finish(_decode_other_event(raw), raw, Notes())
    except DECODE_ERRORS as exc:
        error = exc
    return _decode_mended(raw, error)


def _decode_mended(raw: bytes, error: Exception) -> DecodedEvent:
    """The event once its optional fields fit; InvalidEvent for what is wrong beside them."""
    notes = Notes()
    try:
        body, repaired = parse_json(raw)
        if repaired:
            notes.add("$", "converted", "something in it was no character or no number")
        decode = _decode_known if mend_event(body, notes) else _decode_other_event
        value = _check_size(encode(body))
    except (Unmendable, *DECODE_ERRORS):
        raise InvalidEvent(str(error)) from error
    try:
        event: Event = decode(value)
    except DECODE_ERRORS as exc:
        raise InvalidEvent(str(exc), hint=hint_of(notes)) from exc
    return _finish(event, value, notes)


def _finish(event: Event, value: bytes, notes: Notes) -> DecodedEvent:
    _check_somebody(event)
    if isinstance(event, OtherEvent) and event.event not in _KNOWN:
        note_unknown_name(event.event, notes)
    return DecodedEvent(event, value, notes.as_list(), notes.counts)
