"""Candidates and features: compiled as interpreted, bit for bit, on states and on bytes from anywhere."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from models.candidates.generation import CANDIDATES_MAX, find_page_rows
from models.catalog.table import ItemTable
from models.features.spec import SPEC
from models.visitor.decay import quantise
from models.visitor.packing import pack
from schemas.ids import hash32, hash48
from schemas.storefront import PAGE_ORDER
from tests.both_builds import Build, compiled, interpreted
from tests.unit.models.random_shops import AT, BRANDS, KINDS, random_state, random_table

SIZES = (1, 2, 5, 20, 60, 150, 400)
DAMAGED = 20_000
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


def full_state(random: Random, ids: list[str]) -> bytes:
    """A state with something in each collection that features read."""
    state = random_state(random, ids)

    def weights(names: list[str]) -> dict[int, float]:
        chosen = random.sample(names, random.randint(0, len(names)))
        return {hash32(name): quantise(random.choice((0.5, 1.0, 1.0, 7.3, 42.0))) for name in chosen}

    brands = [brand for brand in BRANDS if brand]
    changed = replace(
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
    return pack(changed)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1 << 30))
def test_compiled_and_interpreted_agree_on_every_bit(seed: int) -> None:
    random = Random(seed)
    table = random_table(random, random.choice(SIZES))
    ours, theirs = Asker(compiled, table), Asker(interpreted, table)
    at = AT + random.choice((0, 1, 60, 301, 1799, 1801, 5000, 1e6, -5000))
    for page in range(len(PAGE_ORDER)):
        packed = random.choice((b"", full_state(random, table.ids)))
        limit, choice = random.choice((CANDIDATES_MAX, 50, 1)), random.random()
        assert ours.ask(packed, page, Random(choice), at, limit) == theirs.ask(
            packed, page, Random(choice), at, limit
        )


def test_damaged_states_give_finite_features_alike() -> None:
    random = Random(5)
    table = random_table(random, 150)
    ours, theirs = Asker(compiled, table), Asker(interpreted, table)
    states = [full_state(random, table.ids) for _ in range(60)]
    for number in range(DAMAGED):
        packed = damaged(random, random.choice(states))
        page, choice = random.randrange(len(PAGE_ORDER)), random.random()
        answer = ours.ask(packed, page, Random(choice), AT)
        if number % 400 == 0:  # interpreted takes three hundred times as long
            assert answer == theirs.ask(packed, page, Random(choice), AT)


def damaged(random: Random, state: bytes) -> bytes:
    """With bits turned over, cut, or lengthened; most keep their length, and so are states still."""
    packed, way = bytearray(state), random.random()
    if way < 0.9:
        for _ in range(random.choice([1, 1, 2, 8])):
            packed[random.randrange(12, len(packed))] ^= 1 << random.randrange(8)
    elif way < 0.95:
        del packed[random.randrange(len(packed)) :]
    else:
        packed += random.randbytes(random.randrange(1, 200))
    return bytes(packed)
