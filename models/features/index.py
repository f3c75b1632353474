"""The part of a snapshot that features read, and the one place where the features of a visit are written."""

from typing import Any

import cython
import numpy as np
from numpy.typing import NDArray

from models import use_compiled

if not cython.compiled:
    from models.candidates.visit import Visit
    from models.features.affinity import AFFINITY_FEATURES, AffinityIndex
    from models.features.feature_rows import FeatureRows
    from models.features.gap import GAP_FEATURES, write_gaps
    from models.features.interaction import INTERACTION_FEATURES, write_interactions
    from models.features.item import ITEM_FEATURES, item_block
    from models.features.visitor import VISITOR_FEATURES, write_visitor_features

GROUPS = (ITEM_FEATURES, VISITOR_FEATURES, AFFINITY_FEATURES, INTERACTION_FEATURES, GAP_FEATURES)
"""In the order of their columns."""
# Where the columns of a group begin: after those of the groups before it.
VISITOR_START = cython.declare(cython.int, len(ITEM_FEATURES.features))
AFFINITY_START = cython.declare(cython.int, VISITOR_START + len(VISITOR_FEATURES.features))
INTERACTION_START = cython.declare(cython.int, AFFINITY_START + len(AFFINITY_FEATURES.features))
GAP_START = cython.declare(cython.int, INTERACTION_START + len(INTERACTION_FEATURES.features))
MATRIX_COLUMNS = cython.declare(cython.int, GAP_START + len(GAP_FEATURES.features))


@cython.final
@cython.cclass
class FeatureIndex:
    """What features read of the items, computed once a snapshot."""

    table = cython.declare(object, visibility="readonly")
    """The ItemTable."""
    affinities = cython.declare(AffinityIndex, visibility="readonly")
    """Of the catalogue alone."""
    block = cython.declare(cython.float[:, ::1], visibility="readonly")
    """float32[n, item features], the item features at `table.at`."""
    _columns: object

    def __init__(self, table: Any, block: NDArray[np.float32], affinities: AffinityIndex) -> None:
        self.table, self.affinities, self._columns = table, affinities, table.columns
        self.block = np.ascontiguousarray(block, np.float32).data

    @cython.cfunc
    @cython.exceptval(check=False)
    def write_item_features(self, rows: FeatureRows) -> cython.void:
        """Copies what was computed of each candidate."""
        i: cython.int
        column: cython.int
        visit: Visit = rows.visit
        block: cython.float[:, ::1] = self.block
        out: cython.float[:, ::1] = rows.out
        for i in range(visit.count):
            row: cython.int = visit.rows[i]
            for column in range(VISITOR_START):
                out[rows.first + i, column] = block[row, column]

    @cython.cfunc
    @cython.exceptval(check=False)
    def is_of(self, visit: Visit) -> cython.bint:
        """Whether the rows of a visit are rows of the table."""
        return visit.columns is self._columns


def index_features(table: Any, earlier: FeatureIndex | None = None) -> FeatureIndex:
    """The feature index of a table.

    Args:
        table: Items with their crowd signals.
        earlier: The index of the table before it; its affinity index is shared when the catalogue is the same
            (`with_signals` keeps the very list of items).

    Complexity: O(n · item features); O(n · affinity features) more for another catalogue.
    """
    if earlier is not None and earlier.table.items is table.items:
        return FeatureIndex(table, item_block(table), earlier.affinities)
    return FeatureIndex(table, item_block(table), AffinityIndex(table))


@cython.ccall
def write_features(
    visit: Visit, index: FeatureIndex, out: cython.float[:, ::1], first: cython.int
) -> cython.void:
    """Writes the features of all candidates of a visit: for serving, re-ranking and training alike.

    Args:
        visit: With its candidates.
        index: Of the items that the candidates are rows of.
        out: float32[rows, len(SPEC)], columns in the order of SPEC.
        first: The row of the first candidate; the others follow in their order.

    Raises:
        ValueError: `out` has too few rows or another number of columns, or the index is of other items.

    Complexity: O(candidates · len(SPEC)).
    """
    if first < 0 or first + visit.count > out.shape[0] or out.shape[1] != MATRIX_COLUMNS:
        shape = f"{out.shape[0]} of {out.shape[1]} columns"
        raise ValueError(f"{visit.count} rows from {first} do not fit {shape}")
    if not index.is_of(visit):
        raise ValueError("the candidates are of other items than the index")
    rows = FeatureRows(visit, out, first)
    index.write_item_features(rows)
    rows.begin_group(VISITOR_START, AFFINITY_START)
    write_visitor_features(rows)
    rows.begin_group(AFFINITY_START, INTERACTION_START)
    index.affinities.write(rows)
    rows.begin_group(INTERACTION_START, GAP_START)
    write_interactions(rows)
    rows.begin_group(GAP_START, MATRIX_COLUMNS)
    write_gaps(rows)


@cython.ccall
def limit_features(
    out: cython.float[:, ::1],
    first: cython.int,
    end: cython.int,
    low: cython.float[::1],
    high: cython.float[::1],
) -> cython.void:
    """Moves values outside of bounds to the bounds, for rows `first` to `end - 1`.

    Args:
        out: float32[rows, len(SPEC)].
        first: The first row.
        end: The row after the last one.
        low: float32[len(SPEC)], the lowest value of each column.
        high: The highest ones.

    Raises:
        ValueError: A shape does not fit.
    """
    i: cython.int
    column: cython.int
    if low.shape[0] != out.shape[1] or high.shape[0] != out.shape[1] or first < 0 or end > out.shape[0]:
        raise ValueError(f"bounds of {low.shape[0]} and {high.shape[0]} columns for {out.shape[1]}")
    for i in range(first, end):
        for column in range(out.shape[1]):  # assignments without branches, which become wide instructions
            value: cython.float = out[i, column]
            value = low[column] if value < low[column] else value
            out[i, column] = high[column] if value > high[column] else value


if not cython.compiled:
    use_compiled(globals())
