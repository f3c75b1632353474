"""Page stability: which modules and items keep their place when a page is decided again.

A module keeps its slot and an item its place unless another gains more than a margin. Margins are in the
scores that `pools` standardises over the page's candidates: 1 is one standard deviation. If a module's
subject changed, or more than half of its items, the new list is used unchanged, so a click is answered at
once. Rows that rules removed never come back. Idempotent: deciding again from its own result returns it
unchanged.
"""

from collections.abc import Iterable

import cython
import numpy as np

from models import use_compiled

SLOTS_ABOVE_FOLD = cython.declare(cython.int, 3)
"""Slots from the top that are seen without scrolling."""
UPPER_SLOT_MARGIN = cython.declare(cython.double, 0.6)
"""What another module must gain to take a slot above the fold."""
LOWER_SLOT_MARGIN = cython.declare(cython.double, 0.3)
"""What another module must gain to take a slot below the fold."""
ITEM_ENTRY_MARGIN = cython.declare(cython.double, 0.15)
"""What a new item must gain over the lowest-scored one shown to replace it."""
ITEM_SWAP_MARGIN = cython.declare(cython.double, 0.25)
"""What an item must gain over the one before it to pass it. All these are own choices, not tuned on data."""


@cython.ccall
@cython.exceptval(check=False)
def slot_margin(slot: cython.int) -> cython.double:
    """Margin that another module must exceed to take slot `slot` (0 is the top one)."""
    return UPPER_SLOT_MARGIN if slot < SLOTS_ABOVE_FOLD else LOWER_SLOT_MARGIN


@cython.final
@cython.cclass
class ScoredRows:
    """Item rows with their scores, in an order. Made once and used again.

    Attributes:
        count: How many there are.
        rows, scores: Of each.
    """

    count: cython.int
    rows: cython.int[::1]
    scores: cython.double[::1]

    def __init__(self, pairs: Iterable[tuple[int, float]] = ()) -> None:
        """`pairs` are (row, score)."""
        self.rows = np.zeros(64, np.int32).data
        self.scores = np.zeros(64, np.float64).data
        self.count = 0
        for row, score in pairs:
            self.insert(self.count, row, score)

    def to_list(self) -> list[int]:
        """The rows."""
        return [self.rows[i] for i in range(self.count)]

    @cython.ccall
    @cython.exceptval(-1)
    def insert(self, index: cython.int, row: cython.int, score: cython.double) -> cython.int:
        """Puts a row before the one at `index`, or at the end for `count`; returns how many there are now."""
        i: cython.int
        if index < 0 or index > self.count:
            raise IndexError(f"{index} is no place among {self.count} rows")
        if self.count == self.rows.shape[0]:
            self._widen()
        for i in range(self.count, index, -1):
            self.rows[i], self.scores[i] = self.rows[i - 1], self.scores[i - 1]
        self.rows[index], self.scores[index] = row, score
        self.count += 1
        return self.count

    @cython.cfunc
    def _widen(self) -> cython.void:
        rows, scores = np.zeros(2 * self.count, np.int32), np.zeros(2 * self.count, np.float64)
        rows[: self.count], scores[: self.count] = self.rows, self.scores
        self.rows, self.scores = rows.data, scores.data

    @cython.cfunc
    @cython.exceptval(check=False)
    def remove(self, row: cython.int) -> cython.void:
        """Removes a row that is there."""
        i: cython.int
        kept: cython.int = 0
        for i in range(self.count):
            if self.rows[i] != row:
                self.rows[kept], self.scores[kept] = self.rows[i], self.scores[i]
                kept += 1
        self.count = kept

    @cython.cfunc
    @cython.exceptval(check=False)
    def has(self, row: cython.int) -> cython.bint:
        """Whether a row is there."""
        i: cython.int
        for i in range(self.count):
            if self.rows[i] == row:
                return True
        return False


@cython.cfunc
@cython.exceptval(check=False)
def _are_equal(one: ScoredRows, other: ScoredRows) -> cython.bint:
    """Whether the rows are the same, in the same order."""
    i: cython.int
    for i in range(min(one.count, other.count)):
        if one.rows[i] != other.rows[i]:
            return False
    return one.count == other.count


@cython.final
@cython.cclass
class Stabiliser:
    """Keeps a list of items stable. Made once and used again."""

    _newcomers: ScoredRows
    _weakest: ScoredRows

    def __init__(self) -> None:
        self._newcomers, self._weakest = ScoredRows(), ScoredRows()

    @cython.ccall
    def stabilise(self, fresh: ScoredRows, shown: ScoredRows, size: cython.int) -> ScoredRows:
        """The items to show, out of the best ones now and those shown before.

        Args:
            fresh: Rows chosen anew, best first.
            shown: Rows shown before, in their order, without those that may not be shown now; changed.
            size: The most items.

        Returns:
            `fresh` when more than half of it is new; else `shown`, where a new item replaces the
            lowest-scored one if it beats it by ITEM_ENTRY_MARGIN, and an item passes the one before it if it
            beats it by ITEM_SWAP_MARGIN. Idempotent: `stabilise(fresh, result, size)` is `result`.

        Complexity: O(size²), size at most 48.

        Reference: Own heuristic, not tuned on data.
        """
        i: cython.int
        if _are_equal(fresh, shown):
            return fresh
        self._newcomers.count = 0
        for i in range(fresh.count):
            if not shown.has(fresh.rows[i]):
                self._newcomers.insert(self._newcomers.count, fresh.rows[i], fresh.scores[i])
        if 2 * self._newcomers.count > fresh.count:
            return fresh
        shown.count = min(shown.count, size)
        self._insert_newcomers(shown, size)
        self._reorder(shown)
        return shown

    @cython.cfunc
    def _insert_newcomers(self, shown: ScoredRows, size: cython.int) -> cython.void:
        """Replaces the lowest-scored shown items one by one with newcomers, each put where its score belongs.

        Stops at the first newcomer that does not win by the margin.
        """
        i: cython.int
        index: cython.int
        replaced: cython.int = 0
        if self._newcomers.count:
            self._sort_weakest(shown)
        for i in range(self._newcomers.count):
            row: cython.int = self._newcomers.rows[i]
            score: cython.double = self._newcomers.scores[i]
            if shown.count >= size:
                # Without a shown item left to replace the newcomer is compared with itself, and loses.
                if replaced == self._weakest.count:
                    return
                if score <= self._weakest.scores[replaced] + ITEM_ENTRY_MARGIN:
                    return
                shown.remove(self._weakest.rows[replaced])
                replaced += 1
            index = 0
            while index < shown.count and shown.scores[index] >= score - ITEM_SWAP_MARGIN:
                index += 1
            shown.insert(index, row, score)

    @cython.cfunc
    def _sort_weakest(self, shown: ScoredRows) -> cython.void:
        """`shown` by rising score, then falling row."""
        i: cython.int
        weakest: ScoredRows = self._weakest
        weakest.count = 0
        for i in range(shown.count):
            index: cython.int = weakest.count
            while index > 0 and (
                weakest.scores[index - 1] > shown.scores[i]
                or (weakest.scores[index - 1] == shown.scores[i] and weakest.rows[index - 1] < shown.rows[i])
            ):
                index -= 1
            weakest.insert(index, shown.rows[i], shown.scores[i])

    @cython.cfunc
    def _reorder(self, shown: ScoredRows) -> cython.void:
        """Lets items pass those before them by the margin, until none can."""
        i: cython.int
        moved: cython.bint = True
        while moved:
            moved = False
            for i in range(1, shown.count):
                if shown.scores[i] > shown.scores[i - 1] + ITEM_SWAP_MARGIN:
                    shown.rows[i - 1], shown.rows[i] = shown.rows[i], shown.rows[i - 1]
                    shown.scores[i - 1], shown.scores[i] = shown.scores[i], shown.scores[i - 1]
                    moved = True


if not cython.compiled:
    use_compiled(globals())
