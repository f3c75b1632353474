"""Makes an event that strict decoding refuses into one that it takes, if only its optional fields are wrong.

Deterministic: the same bytes give the same event at whichever door they come in, so a record that a shop's
own producer wrote folds as the one that a gateway would have made of it.
"""

from __future__ import annotations

from typing import Any, get_args

from msgspec import Struct
from msgspec import inspect as types

from schemas.events import EVENT_NAMES, Envelope, KnownEvent, OtherEvent
from schemas.intake.fields import NOT_GIVEN, Field
from schemas.intake.notes import Notes
from schemas.intake.numbers import text_of_id
from schemas.intake.parsing import REPLACEMENT
from schemas.intake.records import RecordField, mend_fields, record_of
from schemas.intake.spelling import NAME_MAX, Spelling

VISITOR_IDS = ("user_id", "anonymous_id")
IDENTITY = frozenset({"event", "message_id", "timestamp", "kind", *VISITOR_IDS})
"""Fields that refuse an event when they do not fit: who, what, when, and that it is an event."""

COUNTED = frozenset(
    {"add_to_cart", "remove_from_cart", "purchase", "store_purchase", "refund", "return_completed"}
)
"""Events whose lines say how many pieces: a line of none is left out, elsewhere its quantity is."""

event_spelling = Spelling(EVENT_NAMES)


class Shape(Struct, frozen=True):
    """What an event of one name carries: rules of optional fields, properties it cannot miss."""

    names: frozenset[str]
    fields: dict[str, Field]
    required: tuple[str, ...]
    spelling: Spelling


class Unmendable(Exception):
    """The event is wrong in what cannot be mended; the strict decoder says how."""


def mend_event(body: Any, notes: Notes) -> bool:
    """Mend a decoded event in place; what was done is in the notes.

    Args:
        body: any JSON value.
        notes: empty ones.

    Returns:
        Whether it decodes as an event of its name; False for one of a name that we do not know, and for one
        that lacks what it is about (a view of nothing), which is kept and changes nothing.

    Raises:
        Unmendable: it is no object, or its identity has no characters.

    Complexity: O(size of the body).
    """
    if not isinstance(body, dict) or not isinstance(body.get("event"), str):
        raise Unmendable
    _mend_identity(body, notes)
    shape = SHAPES.get(body["event"])
    if shape is None:
        mend_fields(body, OTHER.fields, notes)
        return False
    _leave_out_unknown(body, shape, notes)
    mend_fields(body, shape.fields, notes)
    return _has_required(body, shape, notes)


def note_unknown_name(name: str, notes: Notes) -> None:
    """Note that no event is called so: it is kept, and nothing is learnt from it."""
    notes.add("$.event", "unknown", f"{event_spelling.hint(name)}; it teaches nothing")


def hint_of(notes: Notes) -> str:
    """The first name that was left out and may have been meant for one of ours, empty for none."""
    meant = (f"{note.field}: {note.why}" for note in notes.as_list() if "did you mean" in note.why)
    return next(meant, "")


def _mend_identity(body: dict[str, Any], notes: Notes) -> None:
    """Ids that are numbers become texts; ids and a kind that are null or empty are not given."""
    for name in ("message_id", *VISITOR_IDS):
        text = text_of_id(body.get(name))
        if text is not None:
            body[name] = text
            notes.add(f"$.{name}", "converted", "a number, taken as its text")
    for name in (*VISITOR_IDS, "kind"):
        if name in body and body[name] in NOT_GIVEN:
            del body[name]
    if any(REPLACEMENT in body[name] for name in ("event", "message_id") if isinstance(body.get(name), str)):
        raise Unmendable


def _leave_out_unknown(body: dict[str, Any], shape: Shape, notes: Notes) -> None:
    for name in [name for name in body if name not in shape.names]:
        del body[name]
        notes.add("$", "unknown", f"{shape.spelling.hint(name)}; left out", name[:NAME_MAX])


def _has_required(body: dict[str, Any], shape: Shape, notes: Notes) -> bool:
    """Whether the event has what it is about; an order without an id gets one."""
    properties = body.get("properties", {})
    if "transaction_id" in shape.required and "transaction_id" not in properties:
        properties["transaction_id"] = body.get("message_id")
        body["properties"] = properties
        notes.add("$.properties.transaction_id", "missing", "the message_id stands for it")
    for name in shape.required:
        if not properties.get(name) and not isinstance(properties.get(name), dict):
            notes.add(f"$.properties.{name}", "missing", "without it the event teaches nothing")
            return False
    return True


def _shape_of(cls: type[Envelope]) -> Shape:
    """The rules of an event's type."""
    counted = cls.__struct_config__.tag in COUNTED
    fields = dict(record_of(types.type_info(cls), "$", counted=counted).fields)
    names = frozenset(fields) | {"event"}
    properties = fields.get("properties")
    required = properties.required if isinstance(properties, RecordField) else ()
    optional = {name: field for name, field in fields.items() if name not in IDENTITY}
    return Shape(names, optional, required, Spelling(names))


SHAPES = {str(cls.__struct_config__.tag): _shape_of(cls) for cls in get_args(KnownEvent)}
"""By event name."""
OTHER = _shape_of(OtherEvent)
