"""Features of a visitor's tastes: how large a share of each taste speaks for an item.

A taste is a mapping hash32 -> weight in the visitor's state. Shares are weight / (sum + PRIOR), so that one
view is no conviction; weights fade from the state's time to `at`. All visitors of a batch are done at once:
their tastes are laid out in one flat array, one stretch per visitor, and every row picks its places from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.catalog.orderings import Coding
from models.catalog.table import ItemTable
from models.visitor.decay import BOUGHT_TICK_S, LONG_TICK_S, NOW_TICK_S, STEPS_PER_OCTAVE
from models.visitor.state import VisitorState

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]
Kind = Literal["category", "family", "brand", "colour", "band"]
PRIOR = 1.0
BANDS = 16


class AffinityFeature(Struct, frozen=True):
    name: str
    version: int
    field: str
    """The mapping of VisitorState."""
    kind: Kind
    """What of the item it is about; a family is told from the categories liked."""


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
_mappings = attrgetter(*FIELDS)
_HALF_LIFE = np.array(list(_HALF_LIVES.values()))


class _Known(dict[int, int]):
    """hash32 -> its number in the vocabulary; 0 for what no item of the shop has."""

    def __missing__(self, key: int) -> int:
        return 0


class Vocabulary(Struct, frozen=True, eq=False):
    """Where tastes and items meet: `width` places per visitor, the last a bin for the unknown."""

    width: int
    known: _Known
    places: tuple[NDArray[np.intp], ...]
    """For each way a mapping is used (itself, its families): place of (field, number), flat."""
    of_item: Rows
    """int32[n, len(AFFINITY_FEATURES)]: the place each feature of an item reads."""


def build_vocabulary(table: ItemTable) -> Vocabulary:
    """The vocabulary of a catalogue."""
    categories, brands, colours, families = table.categories, table.brands, table.colours, table.families
    bands = Coding(
        table.price_band.astype(np.int32), {b: b for b in range(BANDS)}, [""] * BANDS, np.empty(0, np.uint32)
    )
    family_of: dict[int, int] = {}
    rows = {code: row for row, code in enumerate(categories.column.tolist())}
    for key, code in categories.of.items():
        family_of[key] = int(families.column[rows[code]])
    columns = {"category": categories, "brand": brands, "colour": colours, "family": families, "band": bands}
    codes = {kind: coding.of for kind, coding in columns.items()} | {"family": family_of}
    known = _Known()
    for key in chain(categories.of, brands.of, colours.of, bands.of):
        known.setdefault(key, len(known) + 1)
    offsets = np.cumsum([0, *(columns[feature.kind].size for feature in AFFINITY_FEATURES)]).tolist()
    width = offsets[-1] + 1
    places = np.full((2, len(FIELDS), len(known) + 1), width - 1, np.intp)
    for feature, offset in zip(AFFINITY_FEATURES, offsets, strict=False):
        own = places[int(feature.kind == "family"), FIELDS.index(feature.field)]
        for key, code in codes[feature.kind].items():
            own[known[key]] = offset + code
    of_item = [columns[f.kind].column + offset for f, offset in zip(AFFINITY_FEATURES, offsets, strict=False)]
    return Vocabulary(width, known, (places[0].ravel(), places[1].ravel()), np.stack(of_item, axis=1))


def affinity_columns(
    words: Vocabulary, states: Sequence[VisitorState], since: NDArray[np.float64], rows: Rows, visitor: Rows
) -> Floats:
    """float32[len(rows), len(AFFINITY_FEATURES)]; `since` is the age of each state in seconds, `visitor` the
    index of each row's visitor."""
    mappings = [mapping for state in states for mapping in _mappings(state)]
    lengths = np.fromiter(map(len, mappings), np.intp, len(mappings))
    total = int(lengths.sum())
    numbers = np.fromiter(map(words.known.__getitem__, chain.from_iterable(mappings)), np.intp, total)
    weights = np.fromiter(chain.from_iterable([m.values() for m in mappings]), np.float64, total)
    segment = np.arange(len(mappings)).repeat(lengths)
    weights *= (0.5 ** (since[:, None] / _HALF_LIFE)).ravel().take(segment)
    sums = np.bincount(segment, weights, len(mappings)) + PRIOR
    shares = (weights / sums.take(segment)).astype(np.float32)
    numbers += segment % len(FIELDS) * (len(words.known) + 1)
    base = segment // len(FIELDS) * words.width
    flat = np.zeros(len(states) * words.width, np.float32)
    for places in words.places:
        np.add.at(flat, base + places.take(numbers), shares)
    # Many places are the bin for the unknown; no item reads it.
    return flat.take(words.of_item.take(rows, axis=0) + (visitor * np.int32(words.width))[:, None])
