"""The JSON Schema of what is taken as an event: what must fit, where everything else is made to.

`schema.json` says what an event is once it is taken, `taken.json` what may be sent.
"""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.events import Name
from schemas.ids import PlainId
from schemas.intake.numbers import SAFE_INTEGER

MOMENT_PATTERN = (
    r"^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])$(?!\n)"
)
"""RFC 3339, with the zone. Whether the day exists is beyond a pattern."""

_NUMBER = {"type": "integer", "minimum": -SAFE_INTEGER, "maximum": SAFE_INTEGER}
_NOT_GIVEN = {"enum": [None, ""]}
_ABOUT = (
    "What may be sent. An optional field that does not fit schema.json is cut, converted or left out, and "
    'named in the notes of the answer; null and "" mean not given. An event that lacks what it is about is '
    "kept, and teaches nothing."
)


def taken_schema() -> dict[str, Any]:
    """Return the JSON Schema of an event as it may be posted, or written by a producer."""
    name, plain = msgspec.json.schema(Name), msgspec.json.schema(PlainId)
    ids = {who: {"anyOf": [plain, _NUMBER, _NOT_GIVEN]} for who in ("user_id", "anonymous_id")}
    somebody = [{"required": [who], "properties": {who: {"anyOf": [plain, _NUMBER]}}} for who in ids]
    return {
        "description": _ABOUT,
        "type": "object",
        "required": ["event", "message_id", "timestamp"],
        "properties": {
            "event": name,
            "message_id": {"anyOf": [name, _NUMBER]},
            "timestamp": {"type": "string", "format": "date-time", "pattern": MOMENT_PATTERN},
            "kind": {"enum": ["event", None, ""]},
            **ids,
        },
        "anyOf": somebody,
    }
