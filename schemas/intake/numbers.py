"""Numbers as tags write them: as text, as integral floats."""

from __future__ import annotations

import re

SAFE_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly."""
DIGITS_MAX = 32

_PLAIN = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_TWO_MEANINGS = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}", re.ASCII)
"""1.234 is twelve hundred in half of Europe."""


def number_of_text(text: str) -> float | int | None:
    """The number that a text is, None when it is none or may be another.

    Commas separate thousands here and decimals there, so a text with one is no number; nor is `1.234`, one
    digit to three before a point and three behind it. Surrounding blanks do not count.
    """
    text = text.strip()
    if len(text) > DIGITS_MAX or not _PLAIN.fullmatch(text) or _TWO_MEANINGS.fullmatch(text):
        return None
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def integer_of(number: float) -> int | None:
    """The integer that a number is, None for fractions and what readers of JSON do not keep exactly."""
    if isinstance(number, int):
        return number if abs(number) <= SAFE_INTEGER else None
    return int(number) if abs(number) <= SAFE_INTEGER and number.is_integer() else None


def text_of_id(value: object) -> str | None:
    """The text of an id that was sent as a number; None for anything but an integer."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = integer_of(value)
    return None if number is None else str(number)
