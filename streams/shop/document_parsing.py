"""Parses catalogue, storefront and event files entry by entry; an error names the line and the field.

Storefront documents are checked more strictly than records of the topic: a reader of the topic skips fields
it does not know, so that it survives newer writers, while an unknown field in a pushed document is refused as
a typing error.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from models.storefront.index import index_storefront
from models.storefront.rule_validation import check_rules
from schemas.catalog import Item
from schemas.codec import DECODE_ERRORS, decode_with_notes
from schemas.errors import InvalidDocument, InvalidEvent
from schemas.events import Event
from schemas.intake.notes import Note
from schemas.storefront import Storefront

_decode_item = msgspec.json.Decoder(Item).decode
_decode_storefront = msgspec.json.Decoder(Storefront).decode
_decode_entries = msgspec.json.Decoder(list[msgspec.Raw]).decode

FIELD_NAME_MAX = 40
"""Characters of an unknown field's name that are shown and compared with known names: comparing is slow."""


class EventLine(Struct, frozen=True):
    """One line of an events file: `event`, or the decoding error when `event` is None.

    `raw` is the line, or the event that was made of it; `notes` say what was done.
    """

    line: int
    raw: bytes
    event: Event | None
    error: str = ""
    notes: Sequence[Note] = ()


def read_file(path: Path) -> bytes:
    """Return the file's bytes; raises InvalidDocument when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as exc:
        raise InvalidDocument(f"{path}: {exc.strerror or exc}") from exc


def write_file(path: Path, content: bytes) -> None:
    """Write the whole file; raises InvalidDocument when it cannot be written."""
    try:
        path.write_bytes(content)
    except OSError as exc:
        raise InvalidDocument(f"{path}: {exc.strerror or exc}") from exc


def parse_items(raw: bytes, name: str) -> list[Item]:
    """Parse a JSON list of items, or lines of one JSON object each.

    Args:
        raw: Content of the file.
        name: What error messages call the file.

    Returns:
        The items in the order of the file, at least one.

    Raises:
        InvalidDocument: An entry is no valid item, an item_id occurs twice, or there are no items.
    """
    items: dict[str, tuple[int, Item]] = {}
    for line, entry in _split_entries(raw, name):
        try:
            item = _decode_item(entry)
        except DECODE_ERRORS as exc:
            raise _invalid_document(name, line, exc) from exc
        if item.item_id in items:
            raise InvalidDocument(
                f"{name} line {line}: item_id {item.item_id!r} stands on line {items[item.item_id][0]} too",
                field="$.item_id",
            )
        items[item.item_id] = (line, item)
    if not items:
        raise InvalidDocument(f"{name}: no items in it")
    return [item for _, item in items.values()]


def parse_storefront(raw: bytes, name: str) -> Storefront:
    """Parse and check a storefront document.

    Args:
        raw: One JSON object.
        name: What error messages call the document.

    Returns:
        A storefront whose references resolve, without unknown fields and without rules that have no effect.

    Raises:
        InvalidDocument: With the path of the wrong field.
    """
    if not raw.strip():
        raise InvalidDocument(f"{name} is empty")
    try:
        storefront, document = _decode_storefront(raw), msgspec.json.decode(raw)
    except DECODE_ERRORS as exc:
        raise _invalid_document(name, None, exc) from exc
    try:
        _refuse_unknown_fields(document, storefront)
        index_storefront(storefront)
        check_rules(storefront.rules)
    except InvalidDocument as exc:
        raise InvalidDocument(f"{name}: {exc} - at `{exc.field}`", field=exc.field) from exc
    return storefront


def parse_event_lines(raw: bytes) -> Iterator[EventLine]:
    """Yield every line that is not blank, with its event or the decoding error; raises nothing."""
    for line, entry in _split_lines(raw):
        try:
            decoded = decode_with_notes(entry)
            yield EventLine(line, decoded.value, decoded.event, notes=decoded.notes)
        except InvalidEvent as exc:
            yield EventLine(line, entry, None, f"{exc}; {exc.hint}" if exc.hint else str(exc))


def _split_entries(raw: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield each entry of a JSON list, or each line, with the line number it begins on."""
    if not raw.lstrip().startswith(b"["):
        yield from _split_lines(raw)
        return
    try:
        entries = _decode_entries(raw)
    except DECODE_ERRORS as exc:
        raise _invalid_document(name, None, exc) from exc
    offset, line = 0, 1
    for entry in entries:
        text = bytes(entry)
        begin = raw.index(text, offset)
        line += raw.count(b"\n", offset, begin)
        yield line, text
        line += text.count(b"\n")
        offset = begin + len(text)


def _split_lines(raw: bytes) -> Iterator[tuple[int, bytes]]:
    for line, entry in enumerate(raw.split(b"\n"), start=1):
        if entry.strip():
            yield line, entry.strip()


def _invalid_document(name: str, line: int | None, exc: Exception) -> InvalidDocument:
    """Translate a msgspec error; msgspec puts the field's path behind ` - at `."""
    message, _, path = str(exc).partition(" - at `")
    field = path.rstrip("`") or "$"
    at = f" line {line}" if line is not None else ""
    return InvalidDocument(f"{name}{at}: {message} - at `{field}`", field=field)


def _refuse_unknown_fields(document: Any, decoded: Struct) -> None:
    """Raise InvalidDocument for the first field of the JSON value `document` that `decoded` does not have."""
    for path, name, known in _unknown_fields(document, decoded, "$"):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
        raise InvalidDocument(f"unknown, {hint}", field=f"{path}.{name}")


def _unknown_fields(document: Any, decoded: object, path: str) -> Iterator[tuple[str, str, set[str]]]:
    """Yield path, name and the names known at that path, depth first."""
    if isinstance(decoded, Struct):
        yield from _unknown_fields_of_struct(document, decoded, path)
    elif isinstance(decoded, list) and decoded and isinstance(decoded[0], Struct):
        for n, (entry, value) in enumerate(zip(document, decoded, strict=True)):
            yield from _unknown_fields(entry, value, f"{path}[{n}]")


def _unknown_fields_of_struct(
    document: dict[str, Any], decoded: Struct, path: str
) -> Iterator[tuple[str, str, set[str]]]:
    known = {*decoded.__struct_encode_fields__, decoded.__struct_config__.tag_field or ""} - {""}
    for name, value in document.items():
        if name not in known:
            yield path, name[:FIELD_NAME_MAX], known
        elif name in decoded.__struct_fields__:
            yield from _unknown_fields(value, getattr(decoded, name), f"{path}.{name}")
