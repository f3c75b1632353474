"""Affinity features: how large a share of the visitor's interest speaks for an item's category, brand, ...

A state holds affinities as keys with weights, of several kinds. A feature is the item's share in one kind,
weight / (sum of weights + PRIOR), decayed from the state's time to now. PRIOR keeps a single view from being
a share of 1. Shares are found from the visitor's side: each key adds its share to one cell, and an item reads
the cell of its category, its brand, ...
"""

from typing import Any

import cython
import numpy as np

from models import use_compiled

if not cython.compiled:
    from models.candidates.visit import Visit
    from models.catalog.columns import single
    from models.catalog.key_index import KeyIndex
    from models.features.feature_rows import FeatureGroup, FeatureRows
    from models.visitor.decay import BOUGHT_TICK_S, LONG_TICK_S, NOW_TICK_S, STEPS_PER_OCTAVE, WEIGHT_OF_CODE
    from models.visitor.state_fields import (
        KIND_BOUGHT_CATEGORIES,
        KIND_BRANDS,
        KIND_CATEGORIES,
        KIND_COLOURS,
        KIND_NOW_BRANDS,
        KIND_NOW_CATEGORIES,
        KIND_PRICE_BANDS,
    )
    from models.visitor.typed_state import TypedState

PRIOR = cython.declare(cython.double, 1.0)
"""Weight of one plain view. Own choice, not tuned."""
BANDS = 16
"""Price bands: models.visitor.affinities.price_band gives 0 to 15."""

AFFINITY_FEATURES = FeatureGroup("affinity")
SHARES = (
    (AFFINITY_FEATURES.add("category_taste", 1), KIND_CATEGORIES, LONG_TICK_S, "category"),
    (AFFINITY_FEATURES.add("category_now", 1), KIND_NOW_CATEGORIES, NOW_TICK_S, "category"),
    (AFFINITY_FEATURES.add("category_bought", 1), KIND_BOUGHT_CATEGORIES, BOUGHT_TICK_S, "category"),
    (AFFINITY_FEATURES.add("family_taste", 1), KIND_CATEGORIES, LONG_TICK_S, "family"),
    (AFFINITY_FEATURES.add("family_now", 1), KIND_NOW_CATEGORIES, NOW_TICK_S, "family"),
    (AFFINITY_FEATURES.add("brand_taste", 1), KIND_BRANDS, LONG_TICK_S, "brand"),
    (AFFINITY_FEATURES.add("brand_now", 1), KIND_NOW_BRANDS, NOW_TICK_S, "brand"),
    (AFFINITY_FEATURES.add("colour_taste", 1), KIND_COLOURS, LONG_TICK_S, "colour"),
    (AFFINITY_FEATURES.add("price_band_taste", 1), KIND_PRICE_BANDS, LONG_TICK_S, "band"),
)
"""(column, kind of affinity, tick of its clock in seconds, attribute of the item).

`family`, the level above the finest category, has no affinities of its own: its share is the sum over its
categories."""


@cython.final
@cython.cclass
class AffinityIndex:
    """Which cells the keys of a visitor add to, and which cells each item reads.

    It depends on the catalogue alone, not on crowd signals. Each feature has a cell for each code of its
    attribute.
    """

    _columns: cython.int[::1]
    """By feature: its column in the group."""
    _kinds: cython.int[::1]
    """By feature: the kind of affinity."""
    _half_lives: cython.double[::1]
    """By feature: the half-life of its weights in seconds."""
    _codes: list[KeyIndex]
    """By feature: the KeyIndex of its attribute's codes."""
    _cells: cython.int[::1]
    """By feature: its first cell."""
    _item_cells: cython.int[:, ::1]
    """By row and feature: the cell that the item reads."""
    _cell_count: cython.int
    _free_shares: list[Any]
    """By cell, the shares of one visitor at a time; all zero while free."""

    def __init__(self, table: Any) -> None:
        """Complexity: O(n · affinity features)."""
        codes = attribute_codes(table)
        attributes = [attribute for _, _, _, attribute in SHARES]
        sizes = [codes[attribute][2] for attribute in attributes]
        starts = (np.cumsum(sizes) - sizes).astype(np.int32)
        self._columns = np.array([column for column, _, _, _ in SHARES], np.int32).data
        self._kinds = np.array([kind for _, kind, _, _ in SHARES], np.int32).data
        self._half_lives = np.array([tick_s * STEPS_PER_OCTAVE for _, _, tick_s, _ in SHARES], float).data
        self._codes = [codes[attribute][0] for attribute in attributes]
        self._cells = starts.data
        item_cells = np.stack([codes[attribute][1] for attribute in attributes], axis=1) + starts
        self._item_cells = np.ascontiguousarray(item_cells, np.int32).data
        self._cell_count, self._free_shares = sum(sizes), []

    @cython.cfunc
    def write(self, rows: FeatureRows) -> cython.void:
        """Writes the affinity features.

        A share is w · 2^(-since / half-life) / (sum of such + PRIOR).

        Complexity: O(affinities of the visitor + candidates).

        Reference: Own heuristic: additive smoothing of a share, exponential decay. Half-lives are those of
            models.visitor.decay.
        """
        i: cython.int
        feature: cython.int
        visit: Visit = rows.visit
        out: cython.float[:, ::1] = rows.out
        cells: cython.int[:, ::1] = self._item_cells
        free: list[Any] = self._free_shares
        lent = free.pop() if free else np.zeros(self._cell_count, np.float32).data  # of one thread
        shares: cython.float[::1] = lent
        for feature in range(self._columns.shape[0]):
            self._add_shares(visit, feature, shares)
        for i in range(visit.count):
            row: cython.int = visit.rows[i]
            for feature in range(cells.shape[1]):
                out[rows.first + i, rows.start + self._columns[feature]] = shares[cells[row, feature]]
        for feature in range(self._columns.shape[0]):
            self._clear_shares(visit.state, feature, shares)
        free.append(lent)

    @cython.cfunc
    def _add_shares(self, visit: Visit, feature: cython.int, shares: cython.float[::1]) -> cython.void:
        state: TypedState = visit.state
        kind: cython.int = self._kinds[feature]
        i: cython.int
        total: cython.double = 0.0
        if state.sizes[kind] == 0:
            return
        since: cython.double = max(visit.at - state.at, 0.0) if state.events > 0 else 0.0
        left: cython.double = 0.5 ** (since / self._half_lives[feature])
        for i in range(state.sizes[kind]):
            total += WEIGHT_OF_CODE[state.codes[kind, i]] * left
        total += PRIOR
        for i in range(state.sizes[kind]):
            cell: cython.int = self._cell(feature, state.keys[kind, i])
            share: cython.double = single(WEIGHT_OF_CODE[state.codes[kind, i]] * left / total)
            if cell >= 0:
                shares[cell] = shares[cell] + share

    @cython.cfunc
    def _clear_shares(self, state: TypedState, feature: cython.int, shares: cython.float[::1]) -> cython.void:
        kind: cython.int = self._kinds[feature]
        i: cython.int
        for i in range(state.sizes[kind]):
            cell: cython.int = self._cell(feature, state.keys[kind, i])
            if cell >= 0:
                shares[cell] = 0.0

    @cython.cfunc
    def _cell(self, feature: cython.int, key: cython.longlong) -> cython.int:
        """The cell that a key of the feature's kind adds to; -1 for a key that no item of the shop has."""
        codes: KeyIndex = self._codes[feature]
        code: cython.int = codes.find(key)
        return self._cells[feature] + code if code >= 0 else -1


def attribute_codes(table: Any) -> dict[str, Any]:
    """For each attribute of items: the KeyIndex of its codes, int32[n] the code by row, how many codes."""
    keys, families, colours = table.keys, table.families, table.colours
    categories, brands = table.categories, table.brands
    bands = KeyIndex({band: band for band in range(BANDS)})
    return {
        "category": (keys.category_code_by_hash, categories.column, categories.size),
        "family": (KeyIndex(family_codes(table)), families.column, families.size),
        "brand": (keys.brand_groups, brands.column, brands.size),
        "colour": (KeyIndex(colours.code_by_hash), colours.column, colours.size),
        "band": (bands, table.price_band.astype(np.int32), BANDS),
    }


def family_codes(table: Any) -> dict[int, int]:
    """hash32 of each finest category -> the code of its family."""
    rows = {code: row for row, code in enumerate(table.categories.column.tolist())}
    families = table.families.column
    return {key: int(families[rows[code]]) for key, code in table.categories.code_by_hash.items()}


if not cython.compiled:
    use_compiled(globals())
