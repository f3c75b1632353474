"""How `POST /v1/events` is described: its bodies, of events that fit or are made to, compressed or not."""

from __future__ import annotations

from typing import Any

from schemas.intake.taken_schema import taken_schema
from streams.gateway.events.intake.validation import REQUEST_EVENTS_MAX
from streams.gateway.http.requests.encodings import CODINGS

Json = dict[str, Any]

TAKEN = "TakenEvent"
"""Component of what is taken as an event; `Event` is what fits."""

CODING: Json = {
    "name": "content-encoding",
    "in": "header",
    "required": False,
    "schema": {"enum": list(CODINGS)},
    "description": "how the body is compressed; it is inflated to at most as much as is taken uncompressed",
}


def add_taken(components: dict[str, Json]) -> None:
    """Add what is taken; events may have other names in them, which are left out and noted."""
    for part in components.values():
        if "event" in part.get("properties", {}):
            part.pop("additionalProperties", None)
    components[TAKEN] = taken_schema()


def events_body(fits: Json, taken: Json) -> Json:
    """The schema of a body: a list of events, an object with one, or an event alone."""
    event = {"anyOf": [fits, taken]}
    batch = {"type": "array", "items": event, "maxItems": REQUEST_EVENTS_MAX}
    return {
        "anyOf": [
            batch,
            {"type": "object", "properties": {"events": batch}, "required": ["events"]},
            {"type": "object", "properties": {"batch": batch}, "required": ["batch"]},
            event,
        ]
    }
