"""Every feature is written by its own group, into its own column, and says something."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from msgspec.structs import replace

from models.candidates.candidate_rows import CAPACITY
from models.candidates.generation import begin_visit, propose
from models.candidates.sources import propose_candidates
from models.candidates.visit import Visit
from models.catalog.build import build_items
from models.features.feature_rows import FeatureGroup
from models.features.index import index_features, limit_features, write_features
from models.features.spec import NAMES, SPEC, Batch, matrix
from models.visitor.packing import pack
from models.visitor.state import VisitorState
from schemas.ids import ItemId
from schemas.storefront import PAGE_ORDER
from tests.both_builds import interpreted
from tests.unit.models.random_shops import random_state, random_table
from tests.unit.models.shop_fixture import AT, N, a_signal, a_visitor, an_item

TABLE = build_items(
    [replace(an_item(number), list_price=10.0 + number) for number in range(N)],
    {ItemId(f"i{number:03}"): replace(a_signal(number), shares=float(number % 5)) for number in range(N)},
    AT,
)
INDEX = index_features(TABLE)
POISON = float("nan")


def a_visit(seed: int, page: str = "home") -> Visit:
    visit = Visit()
    begin_visit(visit, TABLE, varied_visitor(Random(seed)), page, [seed % N], AT + 30 * seed)
    propose_candidates(visit, 240)
    return visit


def varied_visitor(random: Random) -> VisitorState:
    state = a_visitor(random.randrange(N), seen=random.randint(0, 12), cart=random.random() < 0.5)
    return replace(
        state,
        events=random.randint(0, 40),
        bought_price=random.choice((0.0, 3.25)),
        bought_categories=state.categories,
        wishlist=tuple(item.key for item in state.recent[::2]),
        orders=random.randint(0, 9),
        channels=tuple(random.randint(0, 9) for _ in range(6)),
        devices=tuple(random.randint(0, 9) for _ in range(5)),
        recent=tuple(replace(item, views=1 + n, dwell=9 * n) for n, item in enumerate(state.recent)),
    )


def poisoned(rows: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.full((rows, len(SPEC)), POISON, np.float32)


def test_every_cell_of_a_visit_is_written_and_no_other() -> None:
    visit = a_visit(3)
    out = poisoned(visit.count + 5)
    write_features(visit, INDEX, out.data, 2)
    written = ~np.isnan(out)
    assert written[2 : visit.count + 2].all()
    assert not written[:2].any()
    assert not written[visit.count + 2 :].any()


def test_every_feature_varies() -> None:
    """One that never does is a column that its module forgot."""
    visits = [a_visit(seed, PAGE_ORDER[seed % len(PAGE_ORDER)]) for seed in range(60)]
    out = poisoned(sum(visit.count for visit in visits))
    first = 0
    for visit in visits:
        write_features(visit, INDEX, out.data, first)
        first += visit.count
    assert [name for name, spread in zip(NAMES, np.ptp(out, axis=0), strict=True) if not spread] == []


@pytest.mark.parametrize("group", sorted({feature.group for feature in SPEC} - {"item"}))
def test_a_group_writes_its_columns_and_no_other(group: str) -> None:
    visit = interpreted("models.candidates.visit").Visit()
    visit.begin(TABLE.columns, pack(a_visitor(5)), 0, np.zeros(0, np.int32).data, AT)
    interpreted("models.candidates.sources").propose_candidates(visit, 40)
    out = poisoned(visit.count)
    wanted = [feature.group == group for feature in SPEC]
    rows = interpreted("models.features.feature_rows").FeatureRows(visit, out.data, 0)
    rows.begin_group(wanted.index(True), wanted.index(True) + sum(wanted))
    module = interpreted(f"models.features.{group}")
    writers = {
        "visitor": lambda: module.write_visitor_features(rows),
        "affinity": lambda: module.AffinityIndex(TABLE).write(rows),
        "interaction": lambda: module.write_interactions(rows),
        "gap": lambda: module.write_gaps(rows),
    }
    writers[group]()
    assert (~np.isnan(out)).all(axis=0).tolist() == wanted
    assert np.isnan(out).all(axis=0).tolist() == [not mine for mine in wanted]


def test_columns_of_a_group_are_counted_from_its_first() -> None:
    group = FeatureGroup("first")
    assert [group.add("a", 1), group.add("b", 2)] == [0, 1]
    assert group.features == [("a", 1, "first"), ("b", 2, "first")]


def test_given_rows_have_the_features_of_proposed_ones_however_many() -> None:
    table = random_table(Random(2), CAPACITY + 100)
    index, visit = index_features(table), Visit()
    begin_visit(visit, table, random_state(Random(3), table.ids), "home", (), AT)
    propose_candidates(visit, 240)
    proposed, wanted = poisoned(visit.count), list(visit.rows[: visit.count])
    write_features(visit, index, proposed.data, 0)
    visit.give(np.arange(table.n, dtype=np.int32).data, np.zeros(table.n, np.uint64).data, visit.anchor_row)
    given = poisoned(table.n)
    write_features(visit, index, given.data, 0)
    assert np.array_equal(given[wanted], proposed)


def test_what_does_not_fit_is_refused() -> None:
    visit = a_visit(3)
    for rows, first in ((visit.count - 1, 0), (visit.count, 1), (visit.count, -1)):
        with pytest.raises(ValueError, match="do not fit"):
            write_features(visit, INDEX, poisoned(rows).data, first)
    with pytest.raises(ValueError, match="do not fit"):
        write_features(visit, INDEX, np.zeros((visit.count, len(SPEC) - 1), np.float32).data, 0)
    other = Visit()
    begin_visit(other, replace(TABLE), b"")
    with pytest.raises(ValueError, match="of other items"):
        write_features(other, INDEX, poisoned(0).data, 0)


def test_limits_move_what_is_outside() -> None:
    state = a_visitor(5)
    found = propose(TABLE, state)
    features = matrix(Batch(INDEX, [state], [found], ["home"], AT))
    low, high = np.full(len(SPEC), 0.1, np.float32), np.full(len(SPEC), 0.5, np.float32)
    limited = features.copy()
    limit_features(limited.data, 1, len(limited), low.data, high.data)
    assert np.array_equal(limited[0], features[0])
    assert np.array_equal(limited[1:], features[1:].clip(0.1, 0.5))
    with pytest.raises(ValueError, match=r"bounds of \d+ and 3 columns"):
        limit_features(limited.data, 0, 1, low.data, high[:3].data)


def test_another_thread_may_write_features_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python may go over to another thread anywhere: what one is half-way through the other does not see."""
    module = interpreted("models.features.affinity")
    index = module.AffinityIndex(TABLE)
    visits = [interpreted("models.candidates.visit").Visit() for _ in range(2)]
    for seed, visit in enumerate(visits, start=1):
        begin_visit(visit, TABLE, varied_visitor(Random(seed)), at=AT)
        interpreted("models.candidates.sources").propose_candidates(visit, 240)
    rows_of = interpreted("models.features.feature_rows").FeatureRows
    outs = [np.zeros((visit.count, len(SPEC)), np.float32) for visit in visits]
    expected = [np.zeros_like(out) for out in outs]
    for visit, out in zip(visits, expected, strict=True):
        index.write(rows_of(visit, out.data, 0))
    clear, others = index._clear_shares, [(visits[1], outs[1])]

    def interrupt(*args: object) -> None:
        while others:
            visit, out = others.pop()
            index.write(rows_of(visit, out.data, 0))
        clear(*args)

    monkeypatch.setattr(index, "_clear_shares", interrupt)
    index.write(rows_of(visits[0], outs[0].data, 0))
    for out, wanted in zip(outs, expected, strict=True):
        np.testing.assert_array_equal(out, wanted)
