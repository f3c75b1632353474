"""The fills of a page, as numbers: which module with which items is in which slot."""

from collections.abc import Sequence
from typing import Any

import cython
import numpy as np

from models import use_compiled
from models.layout.fills.fill import Fill

NO_SUBJECT = cython.declare(cython.longlong, -1)
"""The subject of a module that is about nothing. An item's is its row; see `hash_subject` for others."""

UNKNOWN_SUBJECT = cython.declare(cython.longlong, -(1 << 40))
"""The subject of fills read back from a stored answer, which does not hold it."""

FILL_INTS = cython.declare(cython.int, 5)
"""int32 numbers of a fill in the packed form: slot, module, number of items, subject (low and high half)."""
_LOW_HALF = cython.declare(cython.longlong, 0xFFFF_FFFF)
_HALF = cython.declare(cython.longlong, 1 << 32)
"""Multiplied by, for C does not define how a negative number is shifted."""


@cython.final
@cython.cclass
class PageFills:
    """The fills of one page, from the top, in typed arrays that grow as needed. Made once and used again.

    Attributes:
        count: Number of fills.
        slots, modules, subjects: Of each fill, as in Fill.
        starts: Where the rows of each fill begin in `rows`; `starts[count]` is where the last ends.
        rows: Item rows of all fills, one after the other.
    """

    count = cython.declare(cython.int, visibility="readonly")
    slots = cython.declare(cython.int[::1], visibility="readonly")
    modules = cython.declare(cython.int[::1], visibility="readonly")
    subjects = cython.declare(cython.longlong[::1], visibility="readonly")
    starts = cython.declare(cython.int[::1], visibility="readonly")
    rows = cython.declare(cython.int[::1], visibility="readonly")
    _packed: cython.int[::1]
    """Room for the packed form."""
    _packed_bytes: Any
    """The same room as a memoryview of bytes."""

    def __init__(self) -> None:
        self.count = 0
        self.slots = np.zeros(16, np.int32).data
        self.modules = np.zeros(16, np.int32).data
        self.subjects = np.zeros(16, np.int64).data
        self.starts = np.zeros(17, np.int32).data
        self.rows = np.zeros(128, np.int32).data
        self._packed, self._packed_bytes = self.rows[:0], b""

    @cython.ccall
    def clear(self) -> cython.void:
        """Forgets all fills."""
        self.count = 0

    @cython.ccall
    def begin(self, slot: cython.int, module: cython.int, subject: cython.longlong) -> cython.void:
        """Begins a fill; `add` and `insert` give it items."""
        if self.count == self.slots.shape[0]:
            self._widen()
        self.slots[self.count], self.modules[self.count] = slot, module
        self.subjects[self.count] = subject
        self.count += 1
        self.starts[self.count] = self.starts[self.count - 1]

    @cython.ccall
    @cython.exceptval(-1)
    def add(self, row: cython.int) -> cython.int:
        """Adds an item at the end of the last fill; returns how many items all fills have.

        Raises:
            IndexError: No fill was begun.
        """
        if self.count == 0:
            raise IndexError("an item before the first fill")
        end: cython.int = self.starts[self.count]
        if end == self.rows.shape[0]:
            longer = np.zeros(2 * end, np.int32)
            longer[:end] = self.rows
            self.rows = longer.data
        self.rows[end] = row
        self.starts[self.count] = end + 1
        return end + 1

    @cython.ccall
    def insert(self, index: cython.int, row: cython.int) -> cython.void:
        """Puts an item at an index of the last fill, or at its end when that is shorter.

        Raises:
            IndexError: The index is negative, or no fill was begun.
        """
        if index < 0:
            raise IndexError(f"{index} is no index of a fill")
        self.add(row)
        place: cython.int = self.starts[self.count] - 1
        least: cython.int = self.starts[self.count - 1] + index
        while place > least:
            self.rows[place] = self.rows[place - 1]
            place -= 1
        self.rows[place] = row

    @cython.cfunc
    def _widen(self) -> cython.void:
        size = 2 * self.count
        slots, modules = np.zeros(size, np.int32), np.zeros(size, np.int32)
        subjects, starts = np.zeros(size, np.int64), np.zeros(size + 1, np.int32)
        slots[: self.count], modules[: self.count] = self.slots, self.modules
        subjects[: self.count], starts[: self.count + 1] = self.subjects, self.starts
        self.slots, self.modules, self.subjects, self.starts = (
            slots.data,
            modules.data,
            subjects.data,
            starts.data,
        )

    @cython.ccall
    def find_module(self, module: cython.int) -> cython.int:
        """The index of the last fill with a module; -1 for none."""
        i: cython.int
        for i in range(self.count - 1, -1, -1):
            if self.modules[i] == module:
                return i
        return -1

    @cython.ccall
    def module_in(self, slot: cython.int) -> cython.int:
        """The module in a slot; -1 for none."""
        i: cython.int
        for i in range(self.count - 1, -1, -1):
            if self.slots[i] == slot:
                return self.modules[i]
        return -1

    def pack(self) -> bytes:
        """The packed form: int32 numbers, FILL_INTS a fill and then all rows, behind the number of fills."""
        total: cython.int = self.starts[self.count]
        size: cython.int = 1 + FILL_INTS * self.count + total
        if self._packed.shape[0] < size:
            room = np.zeros(2 * size, np.int32).data
            self._packed, self._packed_bytes = room, room.cast("B")
        out: cython.int[::1] = self._packed
        i: cython.int
        at: cython.int = 1
        out[0] = self.count
        for i in range(self.count):
            out[at], out[at + 1] = self.slots[i], self.modules[i]
            out[at + 2] = self.starts[i + 1] - self.starts[i]
            out[at + 3] = cython.cast(cython.int, _signed_half(self.subjects[i] & _LOW_HALF))
            out[at + 4] = cython.cast(cython.int, self.subjects[i] >> 32)
            at += FILL_INTS
        for i in range(total):
            out[at + i] = self.rows[i]
        return bytes(self._packed_bytes[: 4 * size])

    def read(self, packed: bytes) -> None:
        """Reads the packed form.

        Raises:
            ValueError: The bytes are not what `pack` writes.
        """
        self.clear()
        if not packed:
            return
        if len(packed) % 4:
            raise ValueError("not the packed form of fills")
        numbers: cython.const[cython.int][::1] = memoryview(packed).cast("i")  # type: ignore[valid-type]
        size: cython.int = numbers.shape[0]
        fills: cython.int = numbers[0]
        if fills < 0 or fills > (size - 1) // FILL_INTS:
            raise ValueError("not the packed form of fills")
        at: cython.int = 1 + FILL_INTS * fills
        for i in range(fills):
            head: cython.int = 1 + FILL_INTS * i
            high: cython.longlong = numbers[head + 4]
            self.begin(numbers[head], numbers[head + 1], high * _HALF + (numbers[head + 3] & _LOW_HALF))
            if not 0 <= numbers[head + 2] <= size - at:
                raise ValueError("not the packed form of fills")
            for _ in range(numbers[head + 2]):
                self.add(numbers[at])
                at += 1

    def read_list(self, fills: Sequence[Fill]) -> None:
        """Reads fills given as values."""
        self.clear()
        for fill in fills:
            self.begin(fill.slot, fill.module, fill.subject)
            for row in fill.rows:
                self.add(row)

    def to_list(self) -> list[Fill]:
        """The fills as values."""
        return [
            Fill(
                self.slots[i],
                self.modules[i],
                self.subjects[i],
                [self.rows[at] for at in range(self.starts[i], self.starts[i + 1])],
            )
            for i in range(self.count)
        ]


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _signed_half(half: cython.longlong) -> cython.longlong:
    return half - (1 << 32) if half >= 1 << 31 else half


@cython.ccall
@cython.exceptval(check=False)
def hash_subject(key: cython.longlong) -> cython.longlong:
    """The subject for the hash32 of a category, a brand or a query; below NO_SUBJECT."""
    return -2 - key


@cython.ccall
@cython.exceptval(check=False)
def subject_hash(subject: cython.longlong) -> cython.longlong:
    """The hash32 of a subject; the inverse of `hash_subject`."""
    return -2 - subject


if not cython.compiled:
    use_compiled(globals())
