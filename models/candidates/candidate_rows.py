"""The candidates of one page: rows that sources propose, merged, sorted and cut.

What several sources propose is one candidate that carries the bits of all of them.
"""

import cython
import numpy as np

from models import use_compiled

if not cython.compiled:
    from models.catalog.columns import Columns

CAPACITY = cython.declare(cython.int, 4096)
"""The most items that all sources together may propose for a page; the rest is dropped."""
ITSELF = cython.declare(cython.ulonglong, 1 << 63)
"""The bit of what a page itself is about, which is no candidate. Sources have the bits below it."""


def int_column(size: int) -> memoryview:
    """Zeroed int32 numbers, one at least."""
    return np.zeros(max(size, 1), np.int32).data


def bit_column(size: int) -> memoryview:
    """Zeroed uint64 numbers, one at least."""
    return np.zeros(max(size, 1), np.uint64).data


@cython.cclass
class CandidateRows:
    """Rows of `columns`, each with its sources. Made once and filled again and again."""

    columns = cython.declare(Columns, visibility="readonly")
    rows = cython.declare(cython.int[::1], visibility="readonly")
    """The candidates, ascending; the first `count` count."""
    sources = cython.declare(cython.ulonglong[::1], visibility="readonly")
    """For each candidate a bit for every source that proposed it, in the order of SOURCES."""
    count = cython.declare(cython.int, visibility="readonly")
    anchor_row = cython.declare(cython.int, visibility="readonly")
    """The row they are about: the page's, else the one viewed last, else -1."""
    proposed = cython.declare(cython.int, visibility="readonly")
    """How many rows sources proposed, repeats included, padding not."""
    _source: cython.ulonglong
    """The bit of the source that proposes now; 0 for none."""
    _places: cython.int[::1]
    """By row of the table: 1 + its place among the candidates, 0 for no candidate."""
    _other_rows: cython.int[::1]
    _other_sources: cython.ulonglong[::1]
    """Where sorting writes to."""

    def __init__(self) -> None:
        self.count = self.proposed = 0
        self.anchor_row = -1
        self._source = 0
        self._places = int_column(0)
        self._reserve(CAPACITY)

    def _reserve(self, count: int) -> None:
        self.rows, self._other_rows = int_column(count), int_column(count)
        self.sources, self._other_sources = bit_column(count), bit_column(count)

    @cython.final
    @cython.cfunc
    def clear_for(self, columns: Columns) -> cython.void:
        """No candidates any more; the next ones are rows of `columns`."""
        i: cython.int
        for i in range(self.count):
            self._places[self.rows[i]] = 0
        self.count = self.proposed = 0
        self._source = 0
        self.columns = columns
        if self._places.shape[0] < columns.n:
            self._places = int_column(columns.n)

    @cython.final
    @cython.cfunc
    @cython.exceptval(check=False)
    def propose_as(self, source: cython.ulonglong) -> cython.void:
        """The source that proposes from now on: its bit."""
        self._source = source

    def add(self, row: int) -> None:
        """Proposes a row, for a source in ordinary Python; -1 is padding.

        Raises:
            ValueError: No source is asked now: its visit was kept, and went on to another page or step.
        """
        if self._source == 0:
            raise ValueError(f"row {row} is proposed while no source is asked")
        self.propose_row(row)

    @cython.final
    @cython.cfunc
    @cython.exceptval(check=False)
    def propose_row(self, row: cython.int) -> cython.void:
        """Proposes a row for the source named last; -1 is padding."""
        if row < 0 or row >= self.columns.n:
            return
        self.proposed += 1
        place: cython.int = self._places[row] - 1
        if place >= 0:
            self.sources[place] |= self._source
        elif self.count < CAPACITY:
            self.rows[self.count] = row
            self.sources[self.count] = self._source
            self.count += 1
            self._places[row] = self.count

    @cython.final
    @cython.cfunc
    @cython.exceptval(check=False)
    def propose_span(self, rows: cython.int[::1], start: cython.int, end: cython.int) -> cython.void:
        """Proposes `rows[start:end]`, as far as there are so many."""
        i: cython.int
        for i in range(start, min(end, rows.shape[0])):
            self.propose_row(rows[i])

    @cython.final
    @cython.cfunc
    @cython.exceptval(check=False)
    def propose_related(self, related: cython.int[:, ::1], row: cython.int, width: cython.int) -> cython.void:
        """Proposes `related[row, :width]`: the first rows related to one."""
        i: cython.int
        for i in range(min(width, related.shape[1])):
            self.propose_row(related[row, i])

    @cython.final
    @cython.cfunc
    @cython.exceptval(check=False)
    def place(self, row: cython.int) -> cython.int:
        """The place of a row of the table among the candidates; -1 for one that is none, and for -1. O(1)."""
        return self._places[row] - 1 if row >= 0 else -1

    @cython.final
    @cython.cfunc
    def settle(self, limit: cython.int) -> cython.void:
        """Sorts what was proposed, drops what the page is about, cuts to `limit`: O(candidates)."""
        self._source = 0
        self._sort()
        self._drop_itself()
        if self.count > limit:
            self._keep_best(limit)
        self._number()

    @cython.cfunc
    @cython.exceptval(check=False)
    def _sort(self) -> cython.void:
        """Ascending rows, each with its sources: a radix sort by bytes, stable."""
        i: cython.int
        target: cython.int
        shift: cython.int = 0
        starts = cython.declare(cython.int[257])
        while self.columns.n >> shift > 0:
            for i in range(257):
                starts[i] = 0
            for i in range(self.count):
                starts[(self.rows[i] >> shift & 255) + 1] += 1
            for i in range(256):
                starts[i + 1] += starts[i]
            for i in range(self.count):
                target = starts[self.rows[i] >> shift & 255]
                starts[self.rows[i] >> shift & 255] += 1
                self._other_rows[target] = self.rows[i]
                self._other_sources[target] = self.sources[i]
            self.rows, self._other_rows = self._other_rows, self.rows
            self.sources, self._other_sources = self._other_sources, self.sources
            shift += 8

    @cython.cfunc
    @cython.exceptval(check=False)
    def _drop_itself(self) -> cython.void:
        i: cython.int
        kept: cython.int = 0
        for i in range(self.count):
            if self.sources[i] >= ITSELF:
                self._places[self.rows[i]] = 0
            else:
                self.rows[kept], self.sources[kept] = self.rows[i], self.sources[i]
                kept += 1
        self.count = kept

    @cython.cfunc
    def _keep_best(self, limit: cython.int) -> cython.void:
        """Keeps what most sources proposed, then the more popular."""
        i: cython.int
        kept: cython.int = 0
        ranks: list[int] = [self._rank(i) for i in range(self.count)]
        last: cython.longlong = sorted(ranks)[limit - 1] if limit > 0 else -1
        for i in range(self.count):
            if self._rank(i) <= last:
                self.rows[kept], self.sources[kept] = self.rows[i], self.sources[i]
                kept += 1
            else:
                self._places[self.rows[i]] = 0
        self.count = kept

    @cython.cfunc
    @cython.exceptval(check=False)
    def _rank(self, i: cython.int) -> cython.longlong:
        """Of each candidate another number, the lower the better."""
        left: cython.ulonglong = self.sources[i]
        missing: cython.longlong = 64
        while left > 0:
            missing -= left & 1
            left >>= 1
        return missing * self.columns.n + self.columns.popularity_rank[self.rows[i]]

    @cython.cfunc
    @cython.exceptval(check=False)
    def _number(self) -> cython.void:
        i: cython.int
        for i in range(self.count):
            self._places[self.rows[i]] = i + 1

    @cython.ccall
    def give(
        self, rows: cython.int[::1], sources: cython.ulonglong[::1], anchor_row: cython.int
    ) -> cython.void:
        """Takes a caller's candidates instead of proposed ones, however many.

        Args:
            rows: int32[candidates], unique and ascending.
            sources: uint64[candidates], the sources of each.
            anchor_row: The row that the list is about; -1 for none.

        Raises:
            ValueError: A row is not one of the table or does not come after the one before it, or there are
                not as many sources as rows.
        """
        i: cython.int
        last: cython.int = -1
        if sources.shape[0] != rows.shape[0] or anchor_row >= self.columns.n:
            raise ValueError(f"{rows.shape[0]} rows with {sources.shape[0]} sources, about row {anchor_row}")
        for i in range(rows.shape[0]):
            if rows[i] <= last or rows[i] >= self.columns.n:
                raise ValueError(f"{rows[i]} after {last} is no ascending row of {self.columns.n}")
            last = rows[i]
        self.clear_for(self.columns)
        if rows.shape[0] > self.rows.shape[0]:
            self._reserve(rows.shape[0])
        for i in range(rows.shape[0]):
            self.rows[i], self.sources[i] = rows[i], sources[i]
        self.count = rows.shape[0]
        self.anchor_row = anchor_row
        self._number()


if not cython.compiled:
    use_compiled(globals())
