"""Values of other formats as ours hold them; DROPPED for one that does not fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec

Convert = Callable[[Any], Any]


class _Dropped:
    __slots__ = ()


DROPPED: Final = _Dropped()
"""In place of a value that is not given or does not fit: the field is left out."""

SECONDS_MAX = 4_102_444_800.0
"""2100-01-01: a time beyond it is in another unit, or made up."""
DIGITS_MAX = 40
"""Characters of a number written as text."""

_OF_A_TRY = frozenset({"sentAt", "receivedAt"})
"""Fields that differ each time an event is sent."""
_TRUE = frozenset({"granted", "true", "1", "yes"})
_FALSE = frozenset({"denied", "false", "0", "no"})


def find(value: Any, path: str) -> Any:
    """What stands at a dotted path of decoded JSON; None where there is none. `$` is the value itself.

    A number is an index of a list.
    """
    if path == "$":
        return value
    for part in path.split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def as_it_is(value: Any) -> Any:
    return value


def text(value: Any) -> Any:
    """Text, and a number as its digits: `7` for 7 and 7.0."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return DROPPED
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return str(value)


def number(value: Any) -> Any:
    """A finite number, also when it is written as text with a point: `"40.00"`."""
    if isinstance(value, str) and len(value) <= DIGITS_MAX:
        try:
            value = int(value) if value.isascii() and value.isdigit() else float(value)
        except ValueError:
            return DROPPED
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return DROPPED
    return value


def magnitude(value: Any) -> Any:
    """A number without its sign: some formats write refunds as negative amounts and quantities."""
    found = number(value)
    return found if found is DROPPED else abs(found)


def whole(value: Any) -> Any:
    """A whole number from 1 on."""
    found = number(value)
    if found is DROPPED or not 1 <= abs(found) < 1e9:
        return DROPPED
    return abs(int(found))


def counted_from_one(value: Any) -> Any:
    """Our index, which begins at 0, of a place that is counted from 1; 0 stays 0."""
    found = number(value)
    return DROPPED if found is DROPPED or not 0 <= found < 1e4 else max(0, int(found) - 1)


def iso_time(value: Any) -> Any:
    """An ISO 8601 time as it is; a number as `epoch` reads it."""
    return value if isinstance(value, str) and not value.lstrip("-").isdigit() else epoch(value)


def epoch(value: Any) -> Any:
    """Seconds, milliseconds or microseconds since 1970, told apart by their size, as an ISO 8601 time."""
    found = number(value)
    if found is DROPPED or found < 0:
        return DROPPED
    for unit in (1, 1e3, 1e6):
        if found / unit < SECONDS_MAX:
            return datetime.fromtimestamp(found / unit, UTC).isoformat()
    return DROPPED


def consent(value: Any) -> Any:
    """Purposes with true or false, from the words that each source writes; other values stay as they are,
    so that the answer names them."""
    if not isinstance(value, dict):
        return DROPPED
    return {str(purpose): _answer(answer) for purpose, answer in value.items()}


def _answer(answer: Any) -> Any:
    word = str(answer).lower()
    return True if word in _TRUE else False if word in _FALSE else answer


def content_id(prefix: str, event: Any, at: str) -> str:
    """A message id made of what an event holds and when it happened: sent again, it is the same."""
    lasting = {name: each for name, each in event.items() if name not in _OF_A_TRY}
    canonical = msgspec.json.encode([lasting, at], order="deterministic")
    return f"{prefix}-{blake2b(canonical, digest_size=16).hexdigest()}"


def id_with(prefix: str) -> Convert:
    """A message id made of the number or text that identifies the event at its source."""

    def convert(value: Any) -> Any:
        found = text(value)
        return found if found is DROPPED else f"{prefix}-{found}"[:100]

    return convert


def utc_time(value: Any) -> Any:
    """An ISO 8601 time in UTC whose zone is not written."""
    return value if not isinstance(value, str) or value.endswith("Z") else value + "Z"
