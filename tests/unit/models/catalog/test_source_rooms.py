"""What one source may add to an item is bounded, whatever others do to the table; the same in both builds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.catalog.signals.source_rooms import CELLS, SOURCE_ROOM, VOICE_S
from tests.both_builds import Build, both_builds, compiled, interpreted

PLENTY = 1e9
SOURCES = st.integers(1, 2**32 - 1) | st.integers(1, 3)
STEPS = st.tuples(SOURCES, st.sampled_from("abc"), st.sampled_from([0.25, 1.0]), st.floats(-1, 5))


def make(build: Build) -> Any:
    return build("models.catalog.signals.source_rooms").SourceRooms()


@both_builds
def test_the_first_voices_count_whole_and_room_comes_back(build: Build) -> None:
    rooms = make(build)
    assert sum(rooms.admit(7, "one", 1.0, PLENTY) for _ in range(100)) == SOURCE_ROOM
    rooms.move_on(VOICE_S)
    assert sum(rooms.admit(7, "one", 0.25, PLENTY) for _ in range(100)) == pytest.approx(1.0)
    rooms.move_on(SOURCE_ROOM * VOICE_S)
    assert sum(rooms.admit(7, "one", 1.0, PLENTY) for _ in range(100)) == SOURCE_ROOM


@both_builds
def test_who_added_lately_gets_what_the_item_has_left_for_it(build: Build) -> None:
    rooms = make(build)
    assert rooms.admit(7, "one", 1.0, -5.0) == 1.0
    assert [rooms.admit(7, "one", 1.0, room) for room in (0.5, -5.0)] == [0.5, 0.0]
    assert rooms.admit(8, "one", 1.0, -5.0) == 1.0
    assert rooms.admit(7, "two", 1.0, -5.0) == 1.0


@both_builds
def test_a_flood_of_other_pairs_neither_frees_a_full_source_nor_charges_an_honest_one(build: Build) -> None:
    rooms = make(build)
    while rooms.admit(7, "one", 1.0, PLENTY):
        pass
    for number in range(2 * CELLS):
        assert rooms.admit(1000 + number // 3, f"{number % 3}", 1.0, PLENTY) == 1.0
    assert rooms.admit(7, "one", 1.0, PLENTY) == 0.0
    assert sum(rooms.admit(8, "one", 1.0, PLENTY) for _ in range(3)) == 3.0


@given(steps=st.lists(STEPS, max_size=60), seconds=st.floats(0.1, 500))
def test_both_builds_admit_the_same_and_never_more_than_they_may(
    steps: list[tuple[int, str, float, float]], seconds: float
) -> None:
    one, other = make(compiled), make(interpreted)
    for source, item, voice, room in steps:
        admitted = one.admit(source, item, voice, room)
        assert admitted == other.admit(source, item, voice, room)
        assert 0.0 <= admitted <= voice
        one.move_on(seconds)
        other.move_on(seconds)
