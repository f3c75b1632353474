"""The form in which serving keeps a visitor's state between two events: benchmarks take it from here."""

from __future__ import annotations

from models.visitor.fold import fold_packed
from models.visitor.typed_state import TypedState

NEW, fold_record, to_bytes, from_bytes = b"", fold_packed, bytes, TypedState().read
