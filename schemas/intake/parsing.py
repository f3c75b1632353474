"""JSON that a strict parser refuses and that tags send all the same: half surrogates, NaN, numbers beyond all
bounds, bytes that are no UTF-8."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec

REPLACEMENT = "\ufffd"
"""Stands for what is no character."""

_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape of JSON: a pair of surrogates, half a one (the group), or any other."""
INTEGER_DIGITS_MAX = 18

_decode = msgspec.json.Decoder().decode


def parse_json(raw: bytes) -> tuple[Any, bool]:
    """The value of a JSON text, and whether something in it was repaired.

    What is no character is replaced by U+FFFD, what is no finite number by null. Complexity: O(bytes).
    Raises ValueError or RecursionError for what is no JSON; its text may be less exact than msgspec's.
    """
    try:
        return _decode(raw), False
    except (msgspec.MsgspecError, UnicodeError, OverflowError, ValueError):
        text = raw.decode("utf-8", "replace")
        whole = _ESCAPE.sub(lambda found: r"\ufffd" if found[1] else found[0], text)
        return json.loads(
            whole, parse_constant=_as_null, parse_float=_read_float, parse_int=_read_integer
        ), True


def _as_null(constant: str) -> None:
    """NaN and Infinity."""


def _read_float(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _read_integer(digits: str) -> float | int | None:
    return int(digits) if len(digits) <= INTEGER_DIGITS_MAX else _read_float(digits)
