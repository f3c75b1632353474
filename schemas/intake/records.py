"""Fields made of fields: objects, the lines of items[]. Built from the types: a new field has its rule."""

from __future__ import annotations

import re
from typing import Any

from msgspec import UNSET, Struct
from msgspec import inspect as types

from schemas.errors import EtalageError
from schemas.events import EVENT_BYTES_MAX
from schemas.intake.fields import (
    ChoiceField,
    ConsentField,
    Field,
    MomentField,
    NumberField,
    TextField,
)
from schemas.intake.notes import Notes
from schemas.intake.numbers import number_of_text

MENDED_MAX = 600
"""Of one event: three of each of 200 lines. What a hostile one costs is bounded by it, to a millisecond."""


class RecordField(Struct, frozen=True):
    """An object whose `fields` are mended one by one; names beside them stay as they are.

    It does not decode without those that are `required`.
    """

    label: str
    fields: dict[str, Field]
    required: tuple[str, ...] = ()

    def mend(self, value: Any, notes: Notes) -> Any:
        if not isinstance(value, dict):
            notes.add(self.label, "dropped", "not an object")
            return UNSET
        mend_fields(value, self.fields, notes)
        return value


class LinesField(Struct, frozen=True):
    """The lines of items[]: one that names no item is left out; where they are `counted` one of none, too."""

    label: str
    line: RecordField
    most: int
    counted: bool = False

    def mend(self, value: Any, notes: Notes) -> Any:
        if isinstance(value, dict):
            notes.add(self.label, "converted", "one object, taken as a list of it")
            value = [value]
        if not isinstance(value, list):
            notes.add(self.label, "dropped", "not a list")
            return UNSET
        if len(value) > self.most:
            notes.add(self.label, "cut", f"{len(value)} lines, the limit is {self.most}")
        fitting = []
        for index, line in enumerate(value[: self.most]):
            if notes.total > MENDED_MAX:
                notes.add(
                    self.label, "cut", f"more than {MENDED_MAX} fields do not fit: the lines after them"
                )
                break
            if self._fits(line, index, notes):
                fitting.append(line)
        return fitting

    def _fits(self, line: Any, index: int, notes: Notes) -> bool:
        """Mend a line in place; whether it stays."""
        notes.index = index
        none = self.counted and isinstance(line, dict) and _is_none(line.get("quantity"))
        if none:
            notes.add(self.line.label, "dropped", "a quantity of none")
        elif self.line.mend(line, notes) is not UNSET:
            if "item_id" in line:
                return True
            notes.add(f"{self.line.label}.item_id", "missing", "the line names no item, and is left out")
        return False


def mend_fields(values: dict[str, Any], fields: dict[str, Field], notes: Notes) -> None:
    """Mend in place what an object has of `fields`; what is not given or cannot fit is left out."""
    for name, value in list(values.items()):
        field = fields.get(name)
        if field is None:
            continue
        fit = UNSET if value is None or value == "" else field.mend(value, notes)
        if fit is UNSET:
            del values[name]
        elif fit is not value:
            values[name] = fit


def record_of(kind: types.Type, label: str, *, counted: bool = False) -> RecordField:
    """The rule of an object, with one for each of its fields.

    Args:
        kind: the type, as msgspec sees it.
        label: the path of the object.
        counted: whether lines of items[] in it are counted by their quantity.
    """
    if not isinstance(kind, types.StructType):
        raise EtalageError(f"no rule for the type of {label}: {kind}")
    fields = {
        one.encode_name: _field_of(one.type, f"{label}.{one.encode_name}", counted=counted)
        for one in kind.fields
    }
    return RecordField(label, fields, tuple(one.encode_name for one in kind.fields if one.required))


def _field_of(kind: types.Type, label: str, *, counted: bool) -> Field:
    match kind:
        case types.UnionType(types=parts):
            one = next(part for part in parts if not isinstance(part, types.NoneType))
            return _field_of(one, label, counted=counted)
        case types.ListType(item_type=line, max_length=int(most)):
            return LinesField(label, record_of(line, f"{label}[]"), most, counted)
        case types.StructType():
            return record_of(kind, label, counted=counted)
        case types.DictType(key_type=types.StrType(max_length=int(longest))):
            return ConsentField(label, longest)
    return _plain_field_of(kind, label)


def _plain_field_of(kind: types.Type, label: str) -> Field:
    match kind:
        case types.StrType(max_length=longest, pattern=pattern):
            return TextField(label, longest or EVENT_BYTES_MAX, re.compile(pattern) if pattern else None)
        case types.IntType(ge=int() as least, le=int() as most):
            return NumberField(label, True, least, most)
        case types.FloatType(ge=int() | float() as least, le=int() | float() as most):
            return NumberField(label, False, least, most)
        case types.LiteralType(values=words):
            return ChoiceField(label, frozenset(map(str, words)))
        case types.DateTimeType():
            return MomentField(label)
    raise EtalageError(f"no rule for the type of {label}: {kind}")


def _is_none(quantity: Any) -> bool:
    """Whether it says that there is none of an item, and not that nobody knows how many."""
    number = number_of_text(quantity) if isinstance(quantity, str) else quantity
    return isinstance(number, int | float) and not isinstance(number, bool) and number <= 0
