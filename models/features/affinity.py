"""Affinity features: how large a share of the visitor's interest speaks for an item's category, brand, ...

A visitor's state holds affinities as mappings hash32 -> weight. A feature is the item's share in one mapping,
weight / (sum of weights + PRIOR), decayed from the state's time to `at`. PRIOR keeps a single view from
being a share of 1. All visitors of a batch are computed at once: their shares are written into one flat array
of cells, `width` cells a visitor, and every (visitor, item) row reads its cells from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.catalog.orderings import LabelEncoding
from models.catalog.table import ItemTable
from models.visitor.decay import BOUGHT_TICK_S, LONG_TICK_S, NOW_TICK_S, STEPS_PER_OCTAVE
from models.visitor.state import VisitorState

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]
ItemAttribute = Literal["category", "family", "brand", "colour", "band"]
PRIOR = 1.0
"""Weight of one plain view. Own choice, not tuned."""
BANDS = 16
"""Price bands: models.visitor.affinities.price_band gives 0 to 15."""


class AffinityFeature(Struct, frozen=True):
    """A feature: the share of an item's attribute in one mapping of the state.

    Attributes:
        name: Its column name.
        version: Raised when its meaning changes.
        field: The mapping of VisitorState: hash32 (of a price band its number) -> weight.
        attribute: The attribute of the item. `family`, the level above the finest category, has no mapping of
            its own: its share is the sum over its categories.
    """

    name: str
    version: int
    field: str
    attribute: ItemAttribute


AFFINITY_FEATURES: tuple[AffinityFeature, ...] = (
    AffinityFeature("category_taste", 1, "categories", "category"),
    AffinityFeature("category_now", 1, "now_categories", "category"),
    AffinityFeature("category_bought", 1, "bought_categories", "category"),
    AffinityFeature("family_taste", 1, "categories", "family"),
    AffinityFeature("family_now", 1, "now_categories", "family"),
    AffinityFeature("brand_taste", 1, "brands", "brand"),
    AffinityFeature("brand_now", 1, "now_brands", "brand"),
    AffinityFeature("colour_taste", 1, "colours", "colour"),
    AffinityFeature("price_band_taste", 1, "price_bands", "band"),
)
_HALF_LIVES = {
    name: STEPS_PER_OCTAVE * tick
    for tick, names in (
        (LONG_TICK_S, ("categories", "brands", "colours", "price_bands")),
        (NOW_TICK_S, ("now_categories", "now_brands")),
        (BOUGHT_TICK_S, ("bought_categories",)),
    )
    for name in names
}
FIELDS = tuple(_HALF_LIVES)
_read_mappings = attrgetter(*FIELDS)
_HALF_LIFE_S = np.array(list(_HALF_LIVES.values()))


class _KeyNumbers(dict[int, int]):
    """hash32 -> its number in the vocabulary; 0 for a key that no item of the shop has."""

    def __missing__(self, key: int) -> int:
        return 0


class Vocabulary(Struct, frozen=True, eq=False):
    """Which cell of a visitor's flat array each key writes, and which cells each item reads.

    Attributes:
        width: Cells per visitor; the last takes the keys that no item has, and no item reads it.
        numbers: hash32 of a category, brand or colour, or a price band -> its number, from 1.
        cells: For each way a mapping is read (as itself, as its families) intp[fields · (keys + 1)]: the
            cell that (field, key number) writes.
        item_cells: int32[n, len(AFFINITY_FEATURES)]: the cell that each feature of an item reads.
    """

    width: int
    numbers: _KeyNumbers
    cells: tuple[NDArray[np.intp], ...]
    item_cells: Rows


def build_vocabulary(table: ItemTable) -> Vocabulary:
    """The vocabulary of a catalogue; crowd signals have no part in it.

    Complexity: O(n · affinity features) and O(distinct keys · fields).
    """
    categories, brands, colours, families = table.categories, table.brands, table.colours, table.families
    bands = LabelEncoding(
        table.price_band.astype(np.int32), {b: b for b in range(BANDS)}, [""] * BANDS, np.empty(0, np.uint32)
    )
    codings = {"category": categories, "brand": brands, "colour": colours, "family": families, "band": bands}
    codes = {name: coding.code_by_hash for name, coding in codings.items()} | {"family": _family_codes(table)}
    numbers = _KeyNumbers()
    for key in chain(categories.code_by_hash, brands.code_by_hash, colours.code_by_hash, bands.code_by_hash):
        numbers.setdefault(key, len(numbers) + 1)
    offsets = np.cumsum([0, *(codings[feature.attribute].size for feature in AFFINITY_FEATURES)]).tolist()
    width = offsets[-1] + 1
    cells = np.full((2, len(FIELDS), len(numbers) + 1), width - 1, np.intp)
    for feature, offset in zip(AFFINITY_FEATURES, offsets, strict=False):
        own = cells[int(feature.attribute == "family"), FIELDS.index(feature.field)]
        for key, code in codes[feature.attribute].items():
            own[numbers[key]] = offset + code
    columns = [
        codings[feature.attribute].column + offset
        for feature, offset in zip(AFFINITY_FEATURES, offsets, strict=False)
    ]
    return Vocabulary(width, numbers, (cells[0].ravel(), cells[1].ravel()), np.stack(columns, axis=1))


def _family_codes(table: ItemTable) -> dict[int, int]:
    """hash32 of each finest category -> the code of its family."""
    rows = {code: row for row, code in enumerate(table.categories.column.tolist())}
    families = table.families.column
    return {key: int(families[rows[code]]) for key, code in table.categories.code_by_hash.items()}


def affinity_columns(
    vocabulary: Vocabulary,
    states: Sequence[VisitorState],
    since: NDArray[np.float64],
    rows: Rows,
    visitors: Rows,
) -> Floats:
    """The affinity features of every row of a batch.

    A share is w · 2^(-since / half-life) / (sum of such + PRIOR).

    Args:
        vocabulary: Of the catalogue that `rows` are rows of.
        states: V visitors.
        since: float64[V], the age of each state in seconds.
        rows: int32[m], item rows.
        visitors: int32[m], the index of each row's visitor.

    Returns:
        float32[m, len(AFFINITY_FEATURES)], 0 to 1.

    Complexity: O(affinities of all visitors + V · width + m); numpy calls do not grow with V.

    Reference: Own heuristic: additive smoothing of a share, exponential decay. Half-lives are those of
        models.visitor.decay.
    """
    segment, numbers, shares = _shares(vocabulary, states, since)
    numbers += segment % len(FIELDS) * (len(vocabulary.numbers) + 1)
    base = segment // len(FIELDS) * vocabulary.width
    flat = np.zeros(len(states) * vocabulary.width, np.float32)
    for cells in vocabulary.cells:
        np.add.at(flat, base + cells.take(numbers), shares)
    return flat.take(
        vocabulary.item_cells.take(rows, axis=0) + (visitors * np.int32(vocabulary.width))[:, None]
    )


def _shares(
    vocabulary: Vocabulary, states: Sequence[VisitorState], since: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Every affinity of every visitor: number of its mapping (visitor · fields + field), number of its key,
    share in the mapping."""
    mappings = [mapping for state in states for mapping in _read_mappings(state)]
    lengths = np.fromiter(map(len, mappings), np.intp, len(mappings))
    total = int(lengths.sum())
    numbers = np.fromiter(map(vocabulary.numbers.__getitem__, chain.from_iterable(mappings)), np.intp, total)
    weights = np.fromiter(chain.from_iterable([m.values() for m in mappings]), np.float64, total)
    segment = np.arange(len(mappings)).repeat(lengths)
    weights *= (0.5 ** (since[:, None] / _HALF_LIFE_S)).ravel().take(segment)
    sums = np.bincount(segment, weights, len(mappings)) + PRIOR
    return segment, numbers, (weights / sums.take(segment)).astype(np.float32)
