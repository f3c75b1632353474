"""The item table: everything known of every item as columns, rows sorted by item id; immutable.

`models.catalog.build` makes them; what changed in neither catalogue nor signals is shared between snapshots.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.catalog.columns import Columns
from models.catalog.key_index import KeyIndex
from models.catalog.orderings import Groups, LabelEncoding
from models.catalog.search import Matches, find_matches
from schemas.catalog import Item

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]


class CatalogueKeys(Struct, frozen=True, eq=False):
    """The keys of a catalogue, found without Python objects; tables of one catalogue share them.

    Attributes:
        row_by_key: hash48 of an item's id -> its row.
        category_groups: hash32 of a category of any level -> its code in `category_pairs`.
        brand_groups: hash32 of a brand -> its code.
        category_code_by_hash: hash32 of a finest category -> its code.
    """

    row_by_key: KeyIndex
    category_groups: KeyIndex
    brand_groups: KeyIndex
    category_code_by_hash: KeyIndex


class ItemTable(Struct, frozen=True, eq=False, kw_only=True, dict=True):
    """Columns over `n` items. A row is an item's index here and in every array of rows; -1 means none.

    Money is in the shop's currency, times are epoch seconds. Counts of signals are decayed to `at`, see
    `models.catalog.signals.aggregation` for their half-lives.
    """

    at: float
    """Epoch seconds of the snapshot: signals are decayed, and ages counted, to this moment."""
    n: int
    ids: list[str]
    items: list[Item]
    row_by_id: Mapping[str, int]
    row_by_key: Mapping[int, int]
    """hash48 of an item's id -> its row."""
    keys: CatalogueKeys

    categories: LabelEncoding
    """The finest category of each item."""
    brands: LabelEncoding
    colours: LabelEncoding
    families: LabelEncoding
    """The level above the finest category."""
    price: Floats
    """float32[n], the price asked today."""
    list_price: Floats
    """float32[n], the price before a reduction; never below `price`."""
    log_price: Floats
    """float32[n], ln(1 + price)."""
    price_band: NDArray[np.uint8]
    """uint8[n], 0..15 (models.visitor.affinities.price_band)."""
    stock: Floats
    """float32[n], units that can be sold."""
    created_at: NDArray[np.float64]
    """float64[n], epoch seconds; 0 when unknown."""
    category_pairs: tuple[Rows, Rows, NDArray[np.uint32], Mapping[int, str]]
    """(row, code) of every category level of an item, both int32[pairs]; uint32[codes], hash32 of
    each code's name; and the name of each hash."""
    words: Mapping[str, Rows]
    """Inverted index: word -> ascending rows (models.catalog.search)."""
    step_up: Rows
    """int32[n, ALTERNATIVES], dearer items of the category, nearest price first, -1 where none is left."""
    better_priced: Rows
    """int32[n, ALTERNATIVES], cheaper ones likewise."""

    trend: Floats
    """float32[n], decayed views, half-life of hours."""
    popularity: Floats
    """float32[n], decayed views, half-life of days; carts, purchases and shares share it."""
    carts: Floats
    purchases: Floats
    shares: Floats
    co_viewed: Rows
    """int32[n, width], at most CO_VIEWED_MAX, heaviest first, -1 where none is left."""
    co_viewed_weight: Floats
    """float32[n, width], the share of the row's co-views, 0..1."""
    co_bought: Rows
    """int32[n, width], at most CO_BOUGHT_MAX, likewise."""
    co_bought_weight: Floats

    by_popularity: Rows
    """int32[n]: all rows, the most popular first; what is out of stock comes last, here and below."""
    by_trend: Rows
    by_newness: Rows
    newcomers: Rows
    """The rows of `by_newness` that are at most NEW_DAYS old at `at`."""
    popularity_rank: Rows
    """int32[n]: the rank of each row in `by_popularity`, 0 is best."""
    category_rows: Groups
    """Rows of each category, at every level, by hash32 of its name."""
    brand_rows: Groups

    @cached_property
    def columns(self) -> Columns:
        """This table as compiled code reads it; made when first asked for."""
        return Columns(self)

    @property
    def category(self) -> Rows:
        """int32[n], the code of each row's finest category."""
        return self.categories.column

    def row_of(self, item_id: str) -> int:
        """The row of an item id; -1 when the catalogue has no such item. O(1)."""
        return self.row_by_id.get(item_id, -1)

    def row_of_key(self, key: int) -> int:
        """The row of a hash48 of an item id; -1 when the catalogue has no such item. O(1)."""
        return self.row_by_key.get(key, -1)

    def rows_in_category(self, category: int) -> Rows:
        """Rows of a category at any level (hash32 of its name), most popular first; empty when unknown."""
        return self.category_rows.get(category)

    def rows_of_brand(self, brand: int) -> Rows:
        """Rows of a brand (hash32 of its name), most popular first; empty when unknown."""
        return self.brand_rows.get(brand)

    def category_name(self, category: int) -> str | None:
        """The name behind a hash32, of a category at any level; None when unknown."""
        return self.category_pairs[3].get(category)

    def brand_name(self, brand: int) -> str | None:
        """The name behind a hash32 of a brand; None when unknown."""
        code = self.brands.code_by_hash.get(brand, 0)
        return self.brands.names[code] if code else None

    def search(self, query: str, limit: int = 200) -> Matches:
        """At most `limit` rows that carry most words of the query, the popular ones first."""
        return find_matches(self.words, self.popularity_rank, query, limit)
