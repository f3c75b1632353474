"""Fields of a layout read from its bytes, without decoding kilobytes.

Field order is that of schemas.layouts.Layout. No JSON string can contain `"mode":"`: its quotes are escaped.
"""

from __future__ import annotations

from datetime import datetime

from schemas.layouts import Mode, Reason

_BODY_FROM = b',"layout_id":'
_EXPOSED_UNTIL = b',"slots":['


def field_of(layout: bytes, name: bytes) -> str:
    """The value of a string field without escapes; "" when it is not there. Any bytes may be asked."""
    start = layout.find(b'"' + name + b'":"')
    end = layout.find(b'"', start + len(name) + 4)
    if start < 0 or end < 0:
        return ""
    return layout[start + len(name) + 4 : end].decode(errors="replace")


def body_of(layout: bytes) -> bytes:
    """The body: all after version, as_of and edition; it stays the same while the content does.

    Raises:
        ValueError: The bytes are no layout.
    """
    return layout[layout.index(_BODY_FROM) :]


def looks_whole(layout: bytes) -> bool:
    """Whether bytes begin, go on and end as a layout does; all else is not looked at."""
    return (
        layout[:1] == b"{"
        and layout[-1:] == b"}"
        and 0 < layout.find(_BODY_FROM) < layout.find(_EXPOSED_UNTIL)
    )


def layout_id_of(layout: bytes) -> str:
    """The id of its content, which is also the id of a push."""
    return field_of(layout, b"layout_id")


def as_of_of(layout: bytes) -> float | None:
    """Epoch seconds of the state it was decided from; None when there is none."""
    text = field_of(layout, b"as_of")
    return datetime.fromisoformat(text).timestamp() if text else None


def labels_of(layout: bytes) -> tuple[str, str]:
    """Mode and reason."""
    return field_of(layout, b"mode"), field_of(layout, b"reason")


def label_bytes(layout: bytes) -> bytes:
    """Mode and reason as they stand in the layout, for `labels_of`; bytes that are no layout give any."""
    start = layout.find(b'"mode":"')
    return layout[start : layout.find(b'","', layout.find(b'"reason":"', start)) + 1]


def relabel(layout: bytes, mode: Mode, reason: Reason) -> bytes:
    """The same layout with another mode and reason; ValueError when the bytes are no layout."""
    start = layout.index(b'"mode":"')
    end = layout.index(b'"', layout.index(b'"reason":"', start) + len(b'"reason":"')) + 1
    return b'%b"mode":"%b","reason":"%b"%b' % (layout[:start], mode.encode(), reason.encode(), layout[end:])


def with_behind(layout: bytes, behind_s: float | None) -> bytes:
    """The answer with `behind_ms`; as it is while that is not known."""
    return layout if behind_s is None else b'%b,"behind_ms":%d}' % (layout[:-1], behind_s * 1000)


def exposure_of(layout: bytes, at: str, via: str) -> bytes:
    """The exposure record of a delivered layout: its fields before the slots, and when and how.

    Spliced, not decoded: one is written for every answer.

    Args:
        layout: The whole answer.
        at: When it was delivered, ISO 8601.
        via: get, push or rank.

    Raises:
        ValueError: The bytes are no layout.
    """
    head = layout[: layout.index(_EXPOSED_UNTIL)]
    return b'%b,"at":"%b","via":"%b","schema_version":1}' % (head, at.encode(), via.encode())
