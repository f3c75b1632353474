"""The form in which serving keeps a visitor's state between two events: every benchmark takes it from here.

When it is the packed bytes, the line becomes:
NEW, fold_record, to_bytes, from_bytes = b"", fold_packed, bytes, bytes
"""

from __future__ import annotations

from models.visitor.fold import fold
from models.visitor.packing import pack, unpack
from models.visitor.state import EMPTY

NEW, fold_record, to_bytes, from_bytes = EMPTY, fold, pack, unpack
