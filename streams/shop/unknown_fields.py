"""Fields that a pushed document has and its type has not.

The types of a topic skip them, for an old reader must survive a new field. What a person pushes and nobody
would read is a slip of the pen.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from schemas.errors import InvalidDocument

NAME_SHOWN = 40
"""Characters; a longer name is nobody's typo, and to compare it would take long."""


def refuse_unknown(given: Any, read: Struct) -> None:
    """InvalidDocument for the first field of the JSON value `given` that did not come into `read`."""
    for path, name, known in _unknown(given, read, "$"):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
        raise InvalidDocument(f"unknown, {hint}", field=f"{path}.{name}")


def _unknown(given: Any, read: object, path: str) -> Iterator[tuple[str, str, set[str]]]:
    """Path and name of each, with the names that are known there."""
    if isinstance(read, Struct):
        yield from _of_struct(given, read, path)
    elif isinstance(read, list) and read and isinstance(read[0], Struct):
        for n, (entry, value) in enumerate(zip(given, read, strict=True)):
            yield from _unknown(entry, value, f"{path}[{n}]")


def _of_struct(given: dict[str, Any], read: Struct, path: str) -> Iterator[tuple[str, str, set[str]]]:
    known = {*read.__struct_encode_fields__, read.__struct_config__.tag_field or ""} - {""}
    for name, value in given.items():
        if name not in known:
            yield path, name[:NAME_SHOWN], known
        elif name in read.__struct_fields__:
            yield from _unknown(value, getattr(read, name), f"{path}.{name}")
