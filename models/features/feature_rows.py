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

    Args:
        name: Of the group.
        before: The group whose columns are to the left of these; None for the first. Nothing can be added to
            it any more.

    Attributes:
        start: The first column.
        features: What was added so far, in the order of the columns.
    """

    def __init__(self, name: str, before: "FeatureGroup | None" = None) -> None:
        self.name = name
        self.start = 0 if before is None else before.complete()
        self.features: list[Feature] = []
        self._complete = False

    def add(self, name: str, version: int) -> int:
        """Declares the next feature of the group.

        Args:
            name: Unique among all features.
            version: Raised when the feature's meaning changes: models trained before it are then refused.

        Returns:
            The column to write it to.

        Raises:
            ValueError: The group is complete: the next column is another group's.
        """
        if self._complete:
            raise ValueError(f"{name} is added to the group {self.name}, which is complete")
        self.features.append(Feature(name, version, self.name))
        return self.start + len(self.features) - 1

    def complete(self) -> int:
        """The column after the last one; from now on nothing can be added."""
        self._complete = True
        return self.start + len(self.features)


@cython.final
@cython.cclass
class FeatureRows:
    """The rows that the candidates of a visit fill, in their order: `out[first]` and those after it."""

    visit: Visit
    out: cython.float[:, ::1]
    first: cython.int

    def __init__(self, visit: Visit, out: cython.float[:, ::1], first: cython.int) -> None:
        self.visit, self.out, self.first = visit, out, first

    @cython.cfunc
    @cython.exceptval(check=False)
    def add(self, row: cython.int, column: cython.int, value: cython.double) -> cython.void:
        """Adds a value to a column of an item row, when that is a candidate; -1 is none."""
        place: cython.int = self.visit.place(row)
        if place >= 0:
            self.out[self.first + place, column] = self.out[self.first + place, column] + value

    @cython.cfunc
    @cython.exceptval(check=False)
    def set_one(self, row: cython.int, column: cython.int) -> cython.void:
        """Sets a column of an item row to 1, however often, when that is a candidate; -1 is none."""
        place: cython.int = self.visit.place(row)
        if place >= 0:
            self.out[self.first + place, column] = 1.0

    @cython.cfunc
    @cython.exceptval(check=False)
    def fill(self, start: cython.int, end: cython.int, value: cython.double) -> cython.void:
        """Sets the columns from `start` up to `end` of all rows."""
        i: cython.int
        column: cython.int
        for i in range(self.first, self.first + self.visit.count):
            for column in range(start, end):
                self.out[i, column] = value

    @cython.cfunc
    @cython.exceptval(check=False)
    def repeat_first(self, start: cython.int, end: cython.int) -> cython.void:
        """Copies the columns from `start` up to `end` of the first row into all others."""
        i: cython.int
        column: cython.int
        for i in range(self.first + 1, self.first + self.visit.count):
            for column in range(start, end):
                self.out[i, column] = self.out[self.first, column]


if not cython.compiled:
    use_compiled(globals())
