"""Items keep their places unless another one gains the margin."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from models.layout.assembly.stability import (
    ITEM_ENTRY_MARGIN,
    ITEM_SWAP_MARGIN,
    ScoredRows,
    Stabiliser,
    slot_margin,
)

VALUE = {1: 3.0, 2: 2.5, 3: 2.0, 4: 1.9, 5: 1.0, 6: 2.04}
STABILISER = Stabiliser()


def stabilise(fresh: list[int], shown: list[int], value: Mapping[int, float], size: int) -> list[int]:
    rows = [ScoredRows([(row, value[row]) for row in part]) for part in (fresh, shown)]
    stabilised: list[int] = STABILISER.stabilise(*rows, size).to_list()
    return stabilised


def test_an_item_stays_while_others_are_nearly_as_good() -> None:
    assert stabilise([1, 2, 6], [1, 2, 3], VALUE, 3) == [1, 2, 3]


def test_better_by_the_margin_comes_in_for_the_weakest() -> None:
    value = VALUE | {6: 2.0 + ITEM_ENTRY_MARGIN + 0.01}
    assert stabilise([1, 2, 6], [1, 2, 3], value, 3) == [1, 2, 6]


def test_a_newcomer_stands_where_its_score_belongs() -> None:
    assert stabilise([6, 1, 2], [1, 2, 3], VALUE | {6: 3.0 + ITEM_SWAP_MARGIN + 0.01}, 3) == [6, 1, 2]


def test_order_moves_by_the_margin_only() -> None:
    assert stabilise([1, 2, 3], [2, 1, 3], VALUE | {1: 2.5 + ITEM_SWAP_MARGIN}, 3) == [2, 1, 3]
    assert stabilise([1, 2, 3], [2, 1, 3], VALUE | {1: 2.6 + ITEM_SWAP_MARGIN}, 3) == [1, 2, 3]


def test_a_row_that_changes_mostly_changes_at_once() -> None:
    assert stabilise([4, 5, 1], [1, 2, 3], VALUE, 3) == [4, 5, 1]


def test_an_item_that_left_makes_room() -> None:
    assert stabilise([1, 2, 3], [1, 3], VALUE, 3) == [1, 2, 3]


def test_the_margin_is_wider_above_the_fold() -> None:
    assert slot_margin(0) > slot_margin(6) > 0


rows = st.lists(st.integers(0, 11), unique=True, max_size=8)


@given(rows, rows, st.lists(st.floats(-3, 3), min_size=12, max_size=12), st.integers(1, 8))
def test_stabilising_again_changes_nothing(
    fresh: list[int], shown: list[int], scores: list[float], size: int
) -> None:
    value = dict(enumerate(scores))
    fresh = sorted(fresh, key=lambda row: (-value[row], row))[:size]
    once = stabilise(fresh, shown[:size], value, size)
    assert len(set(once)) == len(once) <= max(size, len(fresh))
    assert stabilise(fresh, once, value, size) == once


def test_more_rows_than_there_was_room_for_are_kept() -> None:
    pairs = [(row, float(-row)) for row in range(200)]
    assert ScoredRows(pairs).to_list() == [row for row, _ in pairs]
