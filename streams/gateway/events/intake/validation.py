"""What may be posted as events: a request is split, each event validated and enriched on its own. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from models.catalog.enrichment import FindItem, enrich_event
from schemas.codec import DECODE_ERRORS, decode_with_notes
from schemas.errors import InvalidEvent
from schemas.events import EVENT_BYTES_MAX
from schemas.ids import VisitorId
from schemas.intake.notes import Done, Note
from streams.gateway.events.intake.nesting import LEVELS_MAX, TOO_DEEP, decode_cut
from streams.gateway.http.problems import Problem, error_field

REQUEST_BYTES_MAX = 500 * 1024
REQUEST_EVENTS_MAX = 2_500
OPENINGS_MAX = 800
"""Lists and objects in one event, and so its levels: 200 items make some 210. How many levels a process can
decode is for its own stack to say (a gateway 969, a worker 974): what is taken must be read everywhere."""
REASON_MAX = 200
"""Characters of what is wrong with an event; a decoder repeats a wrong value whole."""

COMMAS_MAX = 50_000
"""In one request, so that splitting one takes 5 ms at most: ten bytes a comma, and events have more."""

VALIDATED_AT_ONCE, BYTES_AT_ONCE = 64, 32 << 10
"""Events, and bytes of them, that are validated before the loop turns: about half a millisecond.

One event may be larger."""


class EventAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What became of one event. `retry`: not, or not surely, written; send it again with its message_id.

    `ignored` is for good: it is of a machine, and was not written. `notes` name what did not fit and was cut,
    converted or left out.
    """

    status: Literal["accepted", "rejected", "retry", "ignored"]
    message_id: str | None = None
    token: str | None = None
    reason: str | None = None
    field: str | None = None
    notes: Sequence[Note] = ()


class ValidEvent(Struct, frozen=True, kw_only=True, gc=False):
    """An event ready to be written; `value` is its JSON, enriched from the catalogue.

    `linked` is the browser's visitor in an event that names a user too, `agent` the browser that a server
    names, `minute` the one of the month that it was in, by the client's clock. `notes` and `counts` say what
    was done to make it fit.
    """

    message_id: str
    visitor: VisitorId
    value: bytes
    linked: VisitorId | None = None
    notes: Sequence[Note] = ()
    counts: Mapping[tuple[str, Done], int] = MappingProxyType({})
    agent: str | None = None
    minute: int = 0


class _Batch(Struct):
    events: list[Raw] | UnsetType = UNSET
    batch: list[Raw] | UnsetType = UNSET


_decode_batch = msgspec.json.Decoder(list[Raw] | _Batch).decode


def split_events(body: bytes, before_cutting: Callable[[], None] = lambda: None) -> list[Raw]:
    """The events of a request, undecoded, in order.

    Args:
        body: a list, `{"events": […]}`, `{"batch": […]}`, or one event alone, as JSON.
        before_cutting: called when something in it is nested too deeply, which is dear (`decode_cut`).

    Raises:
        Problem: 400 for what is none of these; 413 for more than REQUEST_EVENTS_MAX events, or COMMAS_MAX
            commas.
    """
    check_commas(body)
    try:
        batch = decode_cut(_decode_batch, body, before_cutting)
    except DECODE_ERRORS as exc:
        raise Problem(400, f"not a batch of events: {exc}", field="$") from exc
    if isinstance(batch, list):
        events = batch
    elif batch.events is not UNSET:
        events = batch.events
    else:
        events = [Raw(body)] if batch.batch is UNSET else batch.batch
    if len(events) > REQUEST_EVENTS_MAX:
        raise Problem(413, f"{len(events)} events, the limit is {REQUEST_EVENTS_MAX} a request")
    return events


def check_commas(body: bytes) -> None:
    """Returns when a body can be split in a short time; raises Problem 413 otherwise."""
    if body.count(b",") > COMMAS_MAX:
        raise Problem(
            413, f"more than {COMMAS_MAX} commas, for at most {REQUEST_EVENTS_MAX} events a request"
        )


def slices_of(raws: Sequence[Raw]) -> Iterator[Sequence[Raw]]:
    """The events in pieces whose validation does not hold the loop for long."""
    start = size = 0
    for end, raw in enumerate(raws):
        size += len(memoryview(raw))
        if end - start == VALIDATED_AT_ONCE or (size > BYTES_AT_ONCE and end > start):
            yield raws[start:end]
            start, size = end, len(memoryview(raw))
    if start < len(raws):
        yield raws[start:]


def validate_events(raws: Sequence[Raw], find_item: FindItem) -> list[ValidEvent | EventAnswer]:
    """Each event ready to be written, or its rejection, in order."""
    return [_validate(raw, find_item) for raw in raws]


def _validate(raw: Raw, find_item: FindItem) -> ValidEvent | EventAnswer:
    size = len(memoryview(raw))
    if size > EVENT_BYTES_MAX:
        return EventAnswer(
            status="rejected", reason=f"{size} bytes, the limit is {EVENT_BYTES_MAX}", field="$"
        )
    value = bytes(raw)
    if TOO_DEEP in value:
        return EventAnswer(status="rejected", reason=f"nested deeper than {LEVELS_MAX} levels", field="$")
    if value.count(b"[") + value.count(b"{") > OPENINGS_MAX:
        reason = f"more than {OPENINGS_MAX} lists and objects"
        return EventAnswer(status="rejected", reason=reason, field="$")
    try:
        value.decode()  # texts that we skip are not looked at otherwise, and others read the topic, too
        decoded = decode_with_notes(value)
    except UnicodeDecodeError:
        return EventAnswer(status="rejected", reason="not UTF-8", field="$")
    except InvalidEvent as exc:
        reason = f"{exc}; {exc.hint}" if exc.hint else str(exc)
        field = error_field(str(exc))[:REASON_MAX]
        return EventAnswer(status="rejected", reason=reason[:REASON_MAX], field=field)
    event = decoded.event
    visitor, at = event.visitor, event.timestamp
    return ValidEvent(
        message_id=event.message_id,
        visitor=visitor,
        value=enrich_event(event, decoded.value, find_item),
        linked=VisitorId(f"a:{event.anonymous_id}") if event.user_id and event.anonymous_id else None,
        notes=decoded.notes,
        counts=decoded.counts,
        minute=(at.day * 24 + at.hour) * 60 + at.minute,
        agent=None if event.context is None else event.context.user_agent,
    )
