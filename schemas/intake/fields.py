"""How one optional field is made to fit: by its type, a text is cut, a number read, a choice spelt.

Each kind of field has one method, `mend`: it gives the value that fits, or UNSET for one that cannot, noted.
What fits is given back as it is, so to mend twice is to mend once.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

import msgspec
from msgspec import UNSET, Struct

from schemas.events import When
from schemas.ids import hash64
from schemas.intake.notes import Notes
from schemas.intake.numbers import integer_of, number_of_text, text_of_id

NOT_GIVEN = (None, "")
"""What tags write for a field that has no value."""

FLAGS = {
    "granted": True, "true": True, "1": True, "denied": False, "false": False, "0": False,
}  # fmt: skip
"""Of consent, as Google's consent mode and others write it."""

_HASH_DIGITS = 16


class Field(Protocol):
    """One field of an event."""

    def mend(self, value: Any, notes: Notes) -> Any:
        """The value that fits, or UNSET when there is none; what was changed is in the notes."""
        ...


class TextField(Struct, frozen=True):
    """A text of at most `longest` characters, of a `pattern` if it has one. Ids are told apart when cut."""

    label: str
    longest: int
    pattern: re.Pattern[str] | None = None

    def mend(self, value: Any, notes: Notes) -> Any:
        if not isinstance(value, str):
            return self._of_number(value, notes)
        if self.pattern is not None and not self.pattern.search(value):
            return self._of_pattern(value, self.pattern, notes)
        return value if len(value) <= self.longest else self._cut(value, notes)

    def _cut(self, text: str, notes: Notes) -> str:
        notes.add(self.label, "cut", f"{len(text)} characters, the limit is {self.longest}")
        if not self.label.endswith("_id"):
            return text[: self.longest]
        return f"{text[: self.longest - _HASH_DIGITS - 1]}~{hash64(text):016x}"

    def _of_number(self, value: Any, notes: Notes) -> Any:
        text = text_of_id(value)
        if text is None or (self.pattern is not None and not self.pattern.search(text)):
            notes.add(self.label, "dropped", "not a text")
            return UNSET
        notes.add(self.label, "converted", "a number, taken as its text")
        return text

    def _of_pattern(self, text: str, pattern: re.Pattern[str], notes: Notes) -> Any:
        for form in (text.strip(), text.strip().upper()):
            if pattern.search(form):
                notes.add(self.label, "converted", "spelt otherwise")
                return form if len(form) <= self.longest else self._cut(form, notes)
        notes.add(self.label, "dropped", f"not of the form {pattern.pattern}")
        return UNSET


class NumberField(Struct, frozen=True):
    """A number between two bounds, an integer when `integral`."""

    label: str
    integral: bool
    least: float
    most: float

    def mend(self, value: Any, notes: Notes) -> Any:
        if isinstance(value, str):
            return self._of_text(value, notes)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self._drop("not a number", notes)
        if self.integral and isinstance(value, float):
            whole = integer_of(value)
            if whole is None:
                return self._drop("a fraction where pieces are counted", notes)
            value = whole
        if not self.least <= value <= self.most:
            return self._drop(f"not between {self.least:g} and {self.most:g}", notes)
        return value

    def _of_text(self, text: str, notes: Notes) -> Any:
        number = number_of_text(text)
        if number is not None and self.integral:
            number = integer_of(number)
        if number is None:
            return self._drop("a text that is no number, or may be two (write 1234.50)", notes)
        if not self.least <= number <= self.most:
            return self._drop(f"not between {self.least:g} and {self.most:g}", notes)
        notes.add(self.label, "converted", "a text, taken as its number")
        return number

    def _drop(self, why: str, notes: Notes) -> Any:
        notes.add(self.label, "dropped", why)
        return UNSET


class ChoiceField(Struct, frozen=True):
    """One of some words."""

    label: str
    words: frozenset[str]

    def mend(self, value: Any, notes: Notes) -> Any:
        if isinstance(value, str):
            if value in self.words:
                return value
            word = value.strip().lower() if len(value) < 100 else value
            if word in self.words:
                notes.add(self.label, "converted", "spelt otherwise")
                return word
        notes.add(self.label, "dropped", f"none of {', '.join(sorted(self.words))}")
        return UNSET


class MomentField(Struct, frozen=True):
    """A moment with its zone, as text."""

    label: str

    def mend(self, value: Any, notes: Notes) -> Any:
        try:
            msgspec.convert(value, When)
        except (msgspec.ValidationError, ValueError, OverflowError):
            notes.add(self.label, "dropped", "not a moment with its zone, as 2026-11-24T12:00:00Z")
            return UNSET
        return value


class ConsentField(Struct, frozen=True):
    """Purposes and whether each is granted."""

    label: str
    longest: int

    def mend(self, value: Any, notes: Notes) -> Any:
        if not isinstance(value, dict):
            notes.add(self.label, "dropped", "not an object of purposes")
            return UNSET
        purposes = {}
        for name, given in value.items():
            flag = self._flag(name, given, notes)
            if flag is not UNSET:
                purposes[name] = flag
        return purposes

    def _flag(self, name: str, given: Any, notes: Notes) -> Any:
        if not 0 < len(name) <= self.longest:
            notes.add(self.label, "dropped", f"the name of a purpose has 1 to {self.longest} characters")
            return UNSET
        if isinstance(given, bool) or given in NOT_GIVEN:
            return given if isinstance(given, bool) else UNSET
        flag = FLAGS.get(str(given).strip().lower()) if isinstance(given, str | int) else None
        if flag is None:
            notes.add(self.label, "dropped", "neither granted nor denied", name[:40])
            return UNSET
        notes.add(self.label, "converted", "taken as granted" if flag else "taken as denied", name[:40])
        return flag
