"""Candidates and features of pages of random shops, by either build."""

from __future__ import annotations

from random import Random

import numpy as np
from msgspec.structs import replace

from models.candidates.generation import CANDIDATES_MAX, find_page_rows
from models.catalog.table import ItemTable
from models.features.spec import SPEC
from models.visitor.decay import quantise
from models.visitor.state import VisitorState
from schemas.ids import hash32, hash48
from schemas.storefront import PAGE_ORDER
from tests.both_builds import Build
from tests.unit.models.random_shops import BRANDS, KINDS, random_state

Answer = tuple[list[int], list[int], int, bytes]
"""Rows, sources, anchor, and the bytes of the matrix."""


class Asker:
    """One build's candidates and features for a table."""

    def __init__(self, build: Build, table: ItemTable) -> None:
        self.table = table
        self.visit = build("models.candidates.visit").Visit()
        self.propose = build("models.candidates.sources").propose_candidates
        self.index = build("models.features.index").index_features(table)
        self.write = build("models.features.index").write_features

    def ask(self, packed: bytes, page: int, random: Random, at: float, limit: int = CANDIDATES_MAX) -> Answer:
        rows = find_page_rows(
            self.table,
            PAGE_ORDER[page],
            item=random.choice(self.table.ids),
            category=random.choice([*KINDS, "shoes", "none"]),
            q=random.choice(("thing", "thing 1", "zzz")),
        )
        visit = self.visit
        visit.begin(self.table.columns, packed, page, rows.data, at)
        self.propose(visit, limit)
        out = np.full((visit.count, len(SPEC)), np.nan, np.float32)
        self.write(visit, self.index, out.data, 0)
        assert np.isfinite(out).all()
        found = list(visit.rows[: visit.count]), list(visit.sources[: visit.count])
        return *found, visit.anchor_row, out.tobytes()


def full_state(random: Random, ids: list[str]) -> VisitorState:
    """A state with something in each collection that sources, features and module kinds read."""
    state = random_state(random, ids)

    def weights(names: list[str]) -> dict[int, float]:
        chosen = random.sample(names, random.randint(0, len(names)))
        return {hash32(name): quantise(random.choice((0.5, 1.0, 1.0, 7.3, 42.0))) for name in chosen}

    brands = [brand for brand in BRANDS if brand]
    return replace(
        state,
        categories=weights([*KINDS, "shoes", "none"]),
        now_categories=weights(list(KINDS[:4])),
        bought_categories=weights(list(KINDS)),
        brands=weights([*brands, "none"]),
        now_brands=weights(brands),
        price_bands={band: quantise(1.0 + band) for band in random.sample(range(16), 4)},
        wishlist=tuple(hash48(name) for name in random.sample([*ids, "gone"], min(len(ids), 8))),
        orders=random.randint(0, 30),
        session_views=random.randint(0, 200),
        session_at=state.at - random.randint(-100, 4000),
        bought_price=random.choice((0.0, 3.5)),
        channels=tuple(random.randint(0, 255) for _ in range(6)),
        devices=tuple(random.randint(0, 255) for _ in range(5)),
    )
