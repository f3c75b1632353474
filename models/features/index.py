"""The part of a snapshot that features read: each item's ready features, and the vocabulary of affinities."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.catalog.table import ItemTable
from models.features.affinity import Vocabulary, build_vocabulary
from models.features.item import item_block


class FeatureIndex(Struct, frozen=True, eq=False):
    """What `vectorize` needs of the items, made once a snapshot."""

    table: ItemTable
    block: NDArray[np.float32]
    """float32[n, len(ITEM_FEATURES)]: the features of each item alone, at `table.at`."""
    vocabulary: Vocabulary
    """Depends on the catalogue alone."""


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
