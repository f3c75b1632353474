"""The item table as compiled code reads it: typed columns over the same memory, nothing copied.

Not numpy arrays: an element of those is a numpy scalar, which rounds and overflows as no C variable does. A
`memoryview` gives Python's int and float, and compiled code the number itself.
"""

from ctypes import c_float
from typing import Any

import cython
import numpy as np

from models import use_compiled

if not cython.compiled:
    from models.catalog.key_index import KeyIndex


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def single(value: cython.double) -> cython.double:
    """A number as a float32 column holds it, rounded once."""
    return cython.cast(cython.float, value) if cython.compiled else c_float(value).value


@cython.final
@cython.cclass
class Columns:
    """Columns over the `n` items of an ItemTable, which describes those of the same names. -1 is padding.

    The rows of category (brand) number g, best first, are `category_rows[edges[g, 0]:edges[g, 1]]`.
    """

    n = cython.declare(cython.int, visibility="readonly")
    row_by_key = cython.declare(KeyIndex, visibility="readonly")
    """hash48 of an item's id -> its row."""
    price = cython.declare(cython.float[::1], visibility="readonly")
    list_price = cython.declare(cython.float[::1], visibility="readonly")
    log_price = cython.declare(cython.float[::1], visibility="readonly")
    category = cython.declare(cython.int[::1], visibility="readonly")
    """The code of each row's finest category."""
    brand = cython.declare(cython.int[::1], visibility="readonly")
    """The code of each row's brand, 0 for none."""
    category_hashes = cython.declare(cython.uint[::1], visibility="readonly")
    """hash32 by code of a finest category."""
    category_code_by_hash = cython.declare(KeyIndex, visibility="readonly")
    popularity_rank = cython.declare(cython.int[::1], visibility="readonly")
    by_popularity = cython.declare(cython.int[::1], visibility="readonly")
    by_trend = cython.declare(cython.int[::1], visibility="readonly")
    by_newness = cython.declare(cython.int[::1], visibility="readonly")
    newcomers = cython.declare(cython.int[::1], visibility="readonly")
    co_viewed = cython.declare(cython.int[:, ::1], visibility="readonly")
    co_viewed_weight = cython.declare(cython.float[:, ::1], visibility="readonly")
    co_bought = cython.declare(cython.int[:, ::1], visibility="readonly")
    co_bought_weight = cython.declare(cython.float[:, ::1], visibility="readonly")
    better_priced = cython.declare(cython.int[:, ::1], visibility="readonly")
    step_up = cython.declare(cython.int[:, ::1], visibility="readonly")
    category_groups = cython.declare(KeyIndex, visibility="readonly")
    """hash32 of a category of any level -> its number."""
    category_edges = cython.declare(cython.int[:, ::1], visibility="readonly")
    category_rows = cython.declare(cython.int[::1], visibility="readonly")
    brand_groups = cython.declare(KeyIndex, visibility="readonly")
    """hash32 of a brand -> its code, which is its number."""
    brand_edges = cython.declare(cython.int[:, ::1], visibility="readonly")
    brand_rows = cython.declare(cython.int[::1], visibility="readonly")
    names = cython.declare(KeyIndex, visibility="readonly")
    """Knows every category name of any level (`category_groups`)."""

    def __init__(self, table: Any) -> None:
        """Complexity: O(1), as long as the columns of the table are of these types."""
        ints, floats, keys = np.int32, np.float32, table.keys
        self.n = table.n
        self.row_by_key = keys.row_by_key
        self.price, self.list_price = _view(table.price, floats), _view(table.list_price, floats)
        self.log_price = _view(table.log_price, floats)
        self.category, self.brand = _view(table.category, ints), _view(table.brands.column, ints)
        self.category_hashes = _view(table.categories.hashes, np.uint32)
        self.category_code_by_hash = keys.category_code_by_hash
        self.popularity_rank = _view(table.popularity_rank, ints)
        self.by_popularity, self.by_trend = _view(table.by_popularity, ints), _view(table.by_trend, ints)
        self.by_newness, self.newcomers = _view(table.by_newness, ints), _view(table.newcomers, ints)
        self.co_viewed = _view(table.co_viewed, ints)
        self.co_viewed_weight = _view(table.co_viewed_weight, floats)
        self.co_bought = _view(table.co_bought, ints)
        self.co_bought_weight = _view(table.co_bought_weight, floats)
        self.better_priced, self.step_up = _view(table.better_priced, ints), _view(table.step_up, ints)
        self.category_groups = self.names = keys.category_groups
        self.category_edges = _view(table.category_rows.edges, ints)
        self.category_rows = _view(table.category_rows.rows, ints)
        self.brand_groups = keys.brand_groups
        self.brand_edges = _view(table.brand_rows.edges, ints)
        self.brand_rows = _view(table.brand_rows.rows, ints)

    @cython.ccall
    @cython.exceptval(check=False)
    def row(self, key: cython.longlong) -> cython.int:
        """The row of a hash48 of an item id; -1 when the catalogue has no such item. O(1)."""
        return self.row_by_key.find(key)


def _view(column: Any, dtype: Any) -> memoryview:
    return np.ascontiguousarray(column, dtype).data


if not cython.compiled:
    use_compiled(globals())
