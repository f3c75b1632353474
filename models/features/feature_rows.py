"""The columns of a group of features, and the rows of a feature matrix that one visit's candidates fill."""

from typing import NamedTuple

import cython

from models import use_compiled

if not cython.compiled:
    from models.candidates.visit import Visit


class Feature(NamedTuple):
    """One column of the matrix; `group` is item, visitor, affinity, interaction or gap."""

    name: str
    version: int
    group: str


class FeatureGroup:
    """Features that one module writes, in columns side by side.

    Attributes:
        name: item, visitor, affinity, interaction or gap.
        features: What was added, in the order of the columns.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.features: list[Feature] = []

    def add(self, name: str, version: int) -> int:
        """Declares the next feature of the group.

        Args:
            name: Unique among all features.
            version: Raised when the feature's meaning changes: models that learnt it before are then refused.

        Returns:
            The column to write it to, counted from the group's first (`FeatureRows.start`).
        """
        self.features.append(Feature(name, version, self.name))
        return len(self.features) - 1


@cython.final
@cython.cclass
class FeatureRows:
    """The rows that the candidates of a visit fill, in their order: `out[first]` and those after it."""

    visit: Visit
    out: cython.float[:, ::1]
    first: cython.int
    start: cython.int
    """The first column of the group that is written; columns of features count from it."""
    end: cython.int
    """The column after its last one."""

    def __init__(self, visit: Visit, out: cython.float[:, ::1], first: cython.int) -> None:
        self.visit, self.out, self.first = visit, out, first
        self.begin_group(0, 0)

    @cython.cfunc
    @cython.exceptval(check=False)
    def begin_group(self, start: cython.int, end: cython.int) -> cython.void:
        """Writes go to the columns `start` to `end - 1` from now on."""
        self.start, self.end = start, end

    @cython.cfunc
    @cython.exceptval(check=False)
    def add(self, row: cython.int, column: cython.int, value: cython.double) -> cython.void:
        """Adds a value to a column of an item row, when that is a candidate; -1 is none."""
        place: cython.int = self.visit.place(row)
        if place >= 0:
            column += self.start
            self.out[self.first + place, column] = self.out[self.first + place, column] + value

    @cython.cfunc
    @cython.exceptval(check=False)
    def set_one(self, row: cython.int, column: cython.int) -> cython.void:
        """Sets a column of an item row to 1, however often, when that is a candidate; -1 is none."""
        place: cython.int = self.visit.place(row)
        if place >= 0:
            self.out[self.first + place, self.start + column] = 1.0

    @cython.cfunc
    @cython.exceptval(check=False)
    def fill(self, value: cython.double) -> cython.void:
        """Sets the columns of the group in all rows."""
        i: cython.int
        column: cython.int
        for i in range(self.first, self.first + self.visit.count):
            for column in range(self.start, self.end):
                self.out[i, column] = value

    @cython.cfunc
    @cython.exceptval(check=False)
    def repeat_first(self) -> cython.void:
        """Copies the columns of the group from the first row into all others."""
        i: cython.int
        column: cython.int
        for i in range(self.first + 1, self.first + self.visit.count):
            for column in range(self.start, self.end):
                self.out[i, column] = self.out[self.first, column]


if not cython.compiled:
    use_compiled(globals())
