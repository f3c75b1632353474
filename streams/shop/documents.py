"""Catalogue, storefront and event files, checked entry by entry: an error names the line and the field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from models.storefront.index import index_storefront
from models.storefront.rule_validation import check_rules
from schemas.catalog import Item
from schemas.codec import DECODE_ERRORS, decode_event
from schemas.errors import InvalidDocument, InvalidEvent
from schemas.events import Event
from schemas.storefront import Storefront
from streams.shop.unknown_fields import refuse_unknown

_decode_item = msgspec.json.Decoder(Item).decode
_decode_storefront = msgspec.json.Decoder(Storefront).decode
_decode_entries = msgspec.json.Decoder(list[msgspec.Raw]).decode


class EventLine(Struct, frozen=True):
    """One line of an events file: `event`, or why there is none."""

    line: int
    raw: bytes
    event: Event | None
    why: str = ""


def read_file(path: Path) -> bytes:
    """The file's bytes; InvalidDocument when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as exc:
        raise InvalidDocument(f"{path}: {exc.strerror or exc}") from exc


def write_file(path: Path, content: bytes) -> None:
    """Write it whole; InvalidDocument when that cannot be done."""
    try:
        path.write_bytes(content)
    except OSError as exc:
        raise InvalidDocument(f"{path}: {exc.strerror or exc}") from exc


def items_in(raw: bytes, name: str) -> list[Item]:
    """Items of a JSON list, or of lines with one JSON object each; `name` is what errors call the file."""
    items: dict[str, tuple[int, Item]] = {}
    for line, entry in _entries(raw, name):
        try:
            item = _decode_item(entry)
        except DECODE_ERRORS as exc:
            raise _wrong(name, line, exc) from exc
        if item.item_id in items:
            raise InvalidDocument(
                f"{name} line {line}: item_id {item.item_id!r} stands on line {items[item.item_id][0]} too",
                field="$.item_id",
            )
        items[item.item_id] = (line, item)
    if not items:
        raise InvalidDocument(f"{name}: no items in it")
    return [item for _, item in items.values()]


def storefront_in(raw: bytes, name: str) -> Storefront:
    """A storefront document that fits together, and whose every field and rule does something."""
    if not raw.strip():
        raise InvalidDocument(f"{name} is empty")
    try:
        storefront, given = _decode_storefront(raw), msgspec.json.decode(raw)
    except DECODE_ERRORS as exc:
        raise _wrong(name, None, exc) from exc
    try:
        refuse_unknown(given, storefront)
        index_storefront(storefront)
        check_rules(storefront.rules)
    except InvalidDocument as exc:
        raise InvalidDocument(f"{name}: {exc} - at `{exc.field}`", field=exc.field) from exc
    return storefront


def events_in(raw: bytes) -> Iterator[EventLine]:
    """Every line that is not blank, with its event or why it is none."""
    for line, entry in _lines(raw):
        try:
            yield EventLine(line, entry, decode_event(entry))
        except InvalidEvent as exc:
            yield EventLine(line, entry, None, str(exc))


def _entries(raw: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    """Each entry with the line it begins on."""
    if not raw.lstrip().startswith(b"["):
        yield from _lines(raw)
        return
    try:
        entries = _decode_entries(raw)
    except DECODE_ERRORS as exc:
        raise _wrong(name, None, exc) from exc
    seen, line = 0, 1
    for entry in entries:
        text = bytes(entry)
        begins = raw.index(text, seen)
        line += raw.count(b"\n", seen, begins)
        yield line, text
        line += text.count(b"\n")
        seen = begins + len(text)


def _lines(raw: bytes) -> Iterator[tuple[int, bytes]]:
    for line, entry in enumerate(raw.split(b"\n"), start=1):
        if entry.strip():
            yield line, entry.strip()


def _wrong(name: str, line: int | None, exc: Exception) -> InvalidDocument:
    what, _, where = str(exc).partition(" - at `")
    field = where.rstrip("`") or "$"
    at = f" line {line}" if line is not None else ""
    return InvalidDocument(f"{name}{at}: {what} - at `{field}`", field=field)
