"""What a layout's bytes say of themselves, read without decoding kilobytes.

Field order is that of schemas.layouts.Layout. No JSON string can hold `"mode":"` (its quotes are escaped).
"""

from __future__ import annotations

from datetime import datetime

import orjson

from schemas.layouts import Mode, Reason

_EXPOSED_UNTIL = b',"slots":['


def field_of(layout: bytes, name: bytes) -> str:
    """The value of a plain string field, empty when it is not there."""
    start = layout.find(b'"' + name + b'":"')
    if start < 0:
        return ""
    start += len(name) + 4
    return layout[start : layout.index(b'"', start)].decode()


def body_of(layout: bytes) -> bytes:
    """What follows version and as_of: the part that is the same while the content is."""
    return layout[layout.index(b',"layout_id":') :]


def layout_id_of(layout: bytes) -> str:
    """The content id, which is also the id of a push."""
    return field_of(layout, b"layout_id")


def as_of_of(layout: bytes) -> float | None:
    """Epoch seconds of the state behind it, None when there is none."""
    said = field_of(layout, b"as_of")
    return datetime.fromisoformat(said).timestamp() if said else None


def labels_of(layout: bytes) -> tuple[str, str]:
    """Mode and reason."""
    return field_of(layout, b"mode"), field_of(layout, b"reason")


def relabel(layout: bytes, mode: Mode, reason: Reason) -> bytes:
    """The same window under another label."""
    return orjson.dumps(orjson.loads(layout) | {"mode": mode, "reason": reason})


def exposure_of(layout: bytes, at: str, via: str) -> bytes:
    """The exposure record of a delivered layout: its own fields up to the slots, and when and how.

    Spliced, not decoded: one is written for every answer. `at` is ISO 8601, `via` get, push or rank.
    """
    said = layout[: layout.index(_EXPOSED_UNTIL)]
    return b'%b,"at":"%b","via":"%b","schema_version":1}' % (said, at.encode(), via.encode())
