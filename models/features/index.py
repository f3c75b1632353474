"""The part of a snapshot that features read: the features of each item alone, and the affinity vocabulary."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.catalog.table import ItemTable
from models.features.affinity import Vocabulary, build_vocabulary
from models.features.item import item_block


class FeatureIndex(Struct, frozen=True, eq=False):
    """What `vectorize` needs of the items, computed once a snapshot.

    Attributes:
        table: The items, n rows.
        block: float32[n, len(ITEM_FEATURES)], the item features at `table.at`.
        vocabulary: Depends on the catalogue alone, not on crowd signals.
    """

    table: ItemTable
    block: NDArray[np.float32]
    vocabulary: Vocabulary


def index_features(table: ItemTable, earlier: FeatureIndex | None = None) -> FeatureIndex:
    """The feature index of a table.

    Args:
        table: Items with their crowd signals.
        earlier: The index of the table before it; its vocabulary is shared when the catalogue is the same
            (`with_signals` keeps the very list of items).

    Complexity: O(n · item features); O(n · affinity features) more for another catalogue.
    """
    if earlier is not None and earlier.table.items is table.items:
        return FeatureIndex(table, item_block(table), earlier.vocabulary)
    return FeatureIndex(table, item_block(table), build_vocabulary(table))
