"""Fields made of fields: objects, and the lines of items[]; built from the types, so a new field has its rule."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import UNSET, Struct
from msgspec import inspect as types

from schemas.errors import EtalageError
from schemas.events import EVENT_BYTES_MAX
from schemas.intake.fields import (
    NOT_GIVEN,
    ChoiceField,
    ConsentField,
    Field,
    MomentField,
    NumberField,
    TextField,
)
from schemas.intake.notes import Notes
from schemas.intake.numbers import number_of_text


class RecordField(Struct, frozen=True):
    """An object whose `fields` are mended one by one; names beside them stay as they are."""

    label: str
    fields: dict[str, Field]

    def mend(self, value: Any, notes: Notes) -> Any:
        if not isinstance(value, dict):
            notes.add(self.label, "dropped", "not an object")
            return UNSET
        mend_fields(value, self.fields, notes)
        return value


class LinesField(Struct, frozen=True):
    """The lines of items[]: one that names no item is left out, and with `pieces` one of none of it."""

    label: str
    line: RecordField
    most: int
    pieces: bool = False

    def mend(self, value: Any, notes: Notes) -> Any:
        if isinstance(value, dict):
            notes.add(self.label, "converted", "one object, taken as a list of it")
            value = [value]
        if not isinstance(value, list):
            notes.add(self.label, "dropped", "not a list")
            return UNSET
        if len(value) > self.most:
            notes.add(self.label, "cut", f"{len(value)} lines, the limit is {self.most}")
        return [line for index, line in enumerate(value[: self.most]) if self._fits(line, index, notes)]

    def _fits(self, line: Any, index: int, notes: Notes) -> bool:
        """Mend a line in place; whether it stays."""
        notes.index = index
        none = self.pieces and isinstance(line, dict) and _is_none(line.get("quantity"))
        if none:
            notes.add(self.line.label, "dropped", "a quantity of none")
        elif self.line.mend(line, notes) is not UNSET:
            if "item_id" in line:
                return True
            notes.add(f"{self.line.label}.item_id", "missing", "the line names no item, and is left out")
        return False


def mend_fields(values: dict[str, Any], fields: dict[str, Field], notes: Notes) -> None:
    """Mend in place what an object has of `fields`; what is not given or cannot fit is left out."""
    for name in [name for name in values if name in fields]:
        value = values[name]
        fit = UNSET if value in NOT_GIVEN else fields[name].mend(value, notes)
        if fit is UNSET:
            del values[name]
            notes.changed = True
        elif fit is not value:
            values[name] = fit


def field_of(kind: types.Type, label: str, *, pieces: bool = False) -> Field:
    """The rule of a type.

    Args:
        kind: the type, as msgspec sees it.
        label: the path of the field.
        pieces: whether lines of items[] in it are counted by their quantity.
    """
    match kind:
        case types.UnionType(types=parts):
            return field_of(next(p for p in parts if not isinstance(p, types.NoneType)), label, pieces=pieces)
        case types.StrType(max_length=longest, pattern=pattern) if longest or pattern:
            return TextField(label, longest or EVENT_BYTES_MAX, re.compile(pattern) if pattern else None)
        case types.IntType(ge=least, le=most) | types.FloatType(ge=least, le=most) if None not in (least, most):
            return NumberField(label, isinstance(kind, types.IntType), least, most)
        case types.LiteralType(values=words):
            return ChoiceField(label, frozenset(map(str, words)))
        case types.DateTimeType():
            return MomentField(label)
        case types.DictType(key_type=types.StrType(max_length=int(longest))):
            return ConsentField(label, longest)
        case types.ListType(item_type=types.StructType() as line, max_length=int(most)):
            return LinesField(label, record_of(line, f"{label}[]"), most, pieces)
        case types.StructType():
            return record_of(kind, label, pieces=pieces)
    raise EtalageError(f"no rule for the type of {label}: {kind}")


def record_of(kind: types.StructType, label: str, *, pieces: bool = False) -> RecordField:
    """The rule of an object, with one for each of its fields."""
    fields = {one.encode_name: field_of(one.type, f"{label}.{one.encode_name}", pieces=pieces) for one in kind.fields}
    return RecordField(label, fields)


def _is_none(quantity: Any) -> bool:
    """Whether it says that there is none of an item, and not that nobody knows how many."""
    number = number_of_text(quantity) if isinstance(quantity, str) else quantity
    return isinstance(number, int | float) and not isinstance(number, bool) and number <= 0
