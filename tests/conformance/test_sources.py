"""What every candidate source must be, and that masks are as wide as there are sources."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from msgspec.structs import replace

from models.candidates.generation import ABOUT_ITEMS, propose
from models.candidates.sources import SOURCES, Source, SourceInput, source_bits
from models.visitor.decay import quantise
from models.visitor.state import VisitorState
from schemas.ids import hash32, hash48
from tests.unit.models.random_shops import AT, random_state, random_table

TABLE = random_table(Random(41), 300)
ROWS_MAX = 240
"""Of one source for one page: what it proposes must not grow with the catalogue."""

every_source = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())


def a_state(seed: int) -> VisitorState:
    brands = {hash32("Pellam"): quantise(2.0), hash32("Kestrand"): quantise(1.0)}
    wishlist = tuple(hash48(name) for name in (*TABLE.ids[seed : seed + 3], "gone"))
    return replace(random_state(Random(seed), TABLE.ids), brands=brands, wishlist=wishlist)


def all_inputs() -> list[SourceInput]:
    made = []
    for seed in range(12):
        state = a_state(seed)
        recent = [TABLE.row_by_key.get(seen.key, -1) for seen in state.recent]
        about = [seed] if seed % 3 == 0 else []
        page_rows = np.arange(seed, seed + 150, dtype=np.int32) if seed % 3 == 1 else about
        seeds = [row for row in (*about, *recent) if row >= 0][:4]
        made.append(SourceInput(TABLE, state, AT, about, page_rows, recent, seeds, about or seeds))
    return made


@every_source
def test_it_has_the_name_it_is_listed_by(source: Source) -> None:
    assert SOURCES[source.name] is source


@every_source
def test_it_proposes_a_bounded_number_of_rows_of_the_table(source: Source) -> None:
    proposed = 0
    for inputs in all_inputs():
        arrays = [*source.rows(inputs)]
        if source.fill is not None:
            arrays += [source.fill(inputs, 40), source.fill(inputs, -5)]
        for rows in arrays:
            assert rows.dtype == np.int32
            assert ((rows >= -1) & (rows < TABLE.n)).all()
        assert sum(len(rows) for rows in arrays) <= ROWS_MAX
        proposed += sum(int((rows >= 0).sum()) for rows in arrays)
    assert proposed or source.name == "given", "no input of this suite makes it propose anything"


@every_source
def test_what_it_proposes_is_a_candidate_with_its_bit(source: Source) -> None:
    for seed in range(6):
        state = a_state(seed)
        found = propose(TABLE, state, "home", (), AT)
        assert set(found.of(source.name)) <= set(found.rows)
        named = [source.name in source_bits().sources_of(int(mask)) for mask in found.sources]
        assert found.rows[named].tolist() == found.of(source.name).tolist()


EDGES = ((15, 16), (16, 32), (31, 32), (32, 64), (63, 64))
"""So many sources, and the bits of a mask for them: one each, and one for the page itself."""


@pytest.mark.parametrize(("count", "width"), [edge for edge in EDGES if edge[0] >= len(SOURCES)])
def test_masks_are_as_wide_as_there_are_sources(
    count: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = random_state(Random(3), TABLE.ids)
    before = propose(TABLE, state, "home", (), AT)
    more = [f"more-{number}" for number in range(count - len(SOURCES))]
    for name in more:
        monkeypatch.setitem(SOURCES, name, Source(name, lambda inputs: [inputs.table.by_trend[:5]]))
    found = propose(TABLE, state, "home", (), AT)
    assert found.sources.dtype.itemsize * 8 == width
    for name in more:
        assert sorted(found.of(name)) == sorted(TABLE.by_trend[:5])
    assert set(found.of("trending")) == set(before.of("trending"))


def test_more_sources_than_a_mask_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(64):
        monkeypatch.setitem(SOURCES, f"more-{number}", Source(f"more-{number}"))
    with pytest.raises(ValueError, match="at most 63 candidate sources"):
        source_bits()


def test_the_page_itself_is_no_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when a source proposes it."""
    monkeypatch.setitem(SOURCES, "same", Source("same", lambda inputs: [np.array(inputs.about, np.int32)]))
    for page in sorted(ABOUT_ITEMS):
        state = random_state(Random(5), TABLE.ids)
        assert 7 not in propose(TABLE, state, page, [7], AT).rows
