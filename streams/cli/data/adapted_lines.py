"""Reads files in the formats of other tools: one body a line, or one JSON document."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from schemas.adapters.mapping import Adapter, Ignored, convert
from schemas.codec import DECODE_ERRORS, decode_event, encode
from schemas.errors import InvalidEvent
from streams.shop.document_parsing import EventLine


def adapt_lines(raw: bytes, adapter: Adapter, now: datetime) -> Iterator[EventLine | tuple[int, Ignored]]:
    """Yield every event of a file, as one of ours with its line, or why it is none.

    A file that is no document in one piece is read line by line. What cannot be read is an EventLine with its
    error; raises nothing.

    Args:
        raw: the file.
        adapter: its format.
        now: the time of events that tell none.
    """
    for line, text in _bodies(raw):
        try:
            events = adapter.split(msgspec.json.decode(text))
        except DECODE_ERRORS as exc:
            yield EventLine(line, text, None, f"not a body of {adapter.title}: {exc}")
            continue
        for event in events:
            yield _adapt(line, event, adapter, now)


def _bodies(raw: bytes) -> Iterator[tuple[int, bytes]]:
    lines = [(line, text) for line, text in enumerate(raw.split(b"\n"), start=1) if text.strip()]
    if len(lines) > 1 and _is_json(raw):
        lines = [(1, raw)]
    yield from lines


def _is_json(raw: bytes) -> bool:
    try:
        msgspec.json.decode(raw)
    except DECODE_ERRORS:
        return False
    return True


def _adapt(line: int, event: Any, adapter: Adapter, now: datetime) -> EventLine | tuple[int, Ignored]:
    ours = convert(adapter, event, now)
    if isinstance(ours, Ignored):
        return line, ours
    text = encode(ours)
    try:
        return EventLine(line, text, decode_event(text))
    except InvalidEvent as exc:
        return EventLine(line, text, None, str(exc))
