"""What every candidate source must be, and how many there may be."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from models.candidates.candidate_rows import CandidateRows
from models.candidates.generation import CANDIDATES_MAX, begin_visit, copy_candidates, propose
from models.candidates.source import Source
from models.candidates.sources import SOURCES, SOURCES_MAX, propose_candidates, source_bit, sources_of
from models.candidates.visit import Visit
from models.visitor.state import VisitorState
from tests.unit.models.asked_pages import full_state
from tests.unit.models.random_shops import AT, random_table

TABLE = random_table(Random(41), 300)
ROWS_MAX = 240
"""Of one source for one page: what it proposes must not grow with the catalogue."""

every_source = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())


class FiveTrending(Source):
    """A source in ordinary Python."""

    def propose(self, visit: Visit) -> None:
        for row in visit.columns.by_trend[:5]:
            visit.add(row)


class AboutItself(Source):
    def propose(self, visit: Visit) -> None:
        for place in range(visit.about_count):
            visit.add(visit.about[place])


class Stray(Source):
    def propose(self, visit: Visit) -> None:
        for row in (-1, TABLE.n, 1 << 30, 5, 5):
            visit.add(row)


class Failing(Source):
    def propose(self, visit: Visit) -> None:
        raise RuntimeError("it fails")


def a_state(seed: int) -> VisitorState:
    return full_state(Random(seed), TABLE.ids)


def begin(visit: Visit, seed: int) -> None:
    """A product page, a listing, or a home page."""
    page, rows = (("product", [seed]), ("category", range(seed, seed + 150)), ("home", ()))[seed % 3]
    begin_visit(visit, TABLE, a_state(seed), page, list(rows), AT)


@every_source
def test_it_has_the_name_it_is_listed_by(source: Source) -> None:
    assert SOURCES[source.name] is source


@every_source
def test_it_proposes_a_bounded_number_of_rows_of_the_table(source: Source) -> None:
    visit, proposed = Visit(), 0
    for seed in range(12):
        begin(visit, seed)
        source.propose(visit)
        source.fill(visit, 40)
        source.fill(visit, -5)
        rows = copy_candidates(visit).rows
        assert ((rows >= 0) & (rows < TABLE.n)).all()
        assert visit.proposed <= ROWS_MAX
        proposed += len(rows)
    assert proposed or source.name == "given", "no visit of this suite makes it propose anything"


@every_source
def test_what_it_proposes_is_a_candidate_with_its_bit(source: Source) -> None:
    for seed in range(6):
        found = propose(TABLE, a_state(seed), "home", (), AT)
        assert set(found.of(source.name)) <= set(found.rows)
        named = [source.name in sources_of(int(mask)) for mask in found.sources]
        assert found.rows[named].tolist() == found.of(source.name).tolist()


@pytest.mark.parametrize("count", [len(SOURCES) + 1, 33, SOURCES_MAX])
def test_there_is_a_bit_for_every_source(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    before = propose(TABLE, a_state(3), "home", (), AT)
    more = [f"more-{number}" for number in range(count - len(SOURCES))]
    for name in more:
        monkeypatch.setitem(SOURCES, name, FiveTrending(name))
    found = propose(TABLE, a_state(3), "home", (), AT)
    for name in more:
        assert sorted(found.of(name)) == sorted(TABLE.by_trend[:5])
    assert set(found.of("trending")) == set(before.of("trending"))


def test_more_sources_than_a_mask_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(SOURCES_MAX):
        monkeypatch.setitem(SOURCES, f"more-{number}", Source(f"more-{number}"))
    with pytest.raises(ValueError, match="at most 63 candidate sources"):
        propose(TABLE, a_state(3), "home", (), AT)


def test_what_a_source_raises_is_raised_and_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    visit = Visit()
    begin(visit, 4)
    with monkeypatch.context() as patch:
        patch.setitem(SOURCES, "failing", Failing("failing"))
        with pytest.raises(RuntimeError, match="it fails"):
            propose_candidates(visit, CANDIDATES_MAX)
    begin_visit(visit, TABLE, a_state(3), "home", (), AT)
    propose_candidates(visit, CANDIDATES_MAX)
    plain = propose(TABLE, a_state(3), "home", (), AT)
    assert copy_candidates(visit).rows.tolist() == plain.rows.tolist()
    assert copy_candidates(visit).sources.tolist() == plain.sources.tolist()


@pytest.mark.parametrize("page", ["product", "cart"])
def test_the_page_itself_is_no_candidate(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when a source proposes it."""
    monkeypatch.setitem(SOURCES, "same", AboutItself("same"))
    assert source_bit("same") == 1 << (len(SOURCES) - 1)
    found = propose(TABLE, a_state(5), page, [7], AT)
    assert found.anchor_row == 7
    assert 7 not in found.rows


def test_rows_that_are_none_of_the_table_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "stray", Stray("stray"))
    visit = Visit()
    assert isinstance(visit, CandidateRows)
    begin(visit, 2)
    propose_candidates(visit, CANDIDATES_MAX)
    assert copy_candidates(visit).of("stray").tolist() == [5]


def test_given_rows_must_be_ascending_rows_of_the_table() -> None:
    visit = Visit()
    begin(visit, 2)
    sources = np.ones(2, np.uint64).data
    for rows in ([3, 3], [4, 3], [-1, 3], [3, TABLE.n]):
        with pytest.raises(ValueError, match="no ascending row"):
            visit.give(np.array(rows, np.int32).data, sources, -1)
    with pytest.raises(ValueError, match="about row"):
        visit.give(np.array([3, 4], np.int32).data, sources, TABLE.n)
