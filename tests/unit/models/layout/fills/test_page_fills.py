"""Fills come back from their packed form, and bytes that are none are refused, compiled and interpreted."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.layout.fills.fill import Fill
from models.layout.fills.page_fills import UNKNOWN_SUBJECT, hash_subject, subject_hash
from tests.both_builds import Build, both_builds

SUBJECTS = st.one_of(
    st.integers(-1, 2**31 - 1), st.integers(0, 2**32 - 1).map(hash_subject), st.just(UNKNOWN_SUBJECT)
)
FILLS = st.lists(
    st.builds(
        Fill,
        st.integers(0, 40),
        st.integers(0, 500),
        SUBJECTS,
        st.lists(st.integers(0, 2**31 - 1), max_size=60),
    ),
    max_size=40,
)


@both_builds
@given(fills=FILLS)
def test_fills_come_back(build: Build, fills: list[Fill]) -> None:
    page_fills = build("models.layout.fills.page_fills").PageFills
    written, read = page_fills(), page_fills()
    written.read_list(fills)
    read.read_list(fills[:3])  # used before
    read.read(written.pack())
    assert read.to_list() == written.to_list() == fills
    assert read.pack() == written.pack()


@both_builds
def test_an_item_is_put_at_its_index_or_at_the_end(build: Build) -> None:
    fills = build("models.layout.fills.page_fills").PageFills()
    fills.read_list([Fill(0, 4, 7, [1]), Fill(2, 5, -1, [11, 12])])
    for index, row in ((1, 20), (0, 21), (50, 22)):
        fills.insert(index, row)
    assert fills.to_list() == [Fill(0, 4, 7, [1]), Fill(2, 5, -1, [21, 11, 20, 12, 22])]
    assert [fills.find_module(5), fills.find_module(6), fills.module_in(2), fills.module_in(1)] == [
        1,
        -1,
        5,
        -1,
    ]


@both_builds
def test_bytes_that_are_no_fills_are_refused(build: Build) -> None:
    page_fills = build("models.layout.fills.page_fills").PageFills
    fills, random = page_fills(), Random(3)
    fills.read_list([Fill(slot, slot, -1, [slot, 7, 8]) for slot in range(4)])
    packed = fills.pack()
    for count in (-1, 5, 1 << 30, -(1 << 31), 858_993_460):  # five times the last is one again
        with pytest.raises(ValueError, match="not the packed form"):
            fills.read(count.to_bytes(4, "little", signed=True) + packed[4:])
    for size in range(1, len(packed)):
        with pytest.raises(ValueError, match="not the packed form"):
            fills.read(packed[:size])
    for _ in range(500):
        spoilt = bytearray(packed)
        spoilt[random.randrange(len(spoilt))] ^= 1 << random.randrange(8)
        with suppress(ValueError):
            fills.read(bytes(spoilt))
    fills.read(packed)
    assert fills.pack() == packed


@given(st.integers(0, 2**32 - 1))
def test_a_hash_as_subject_is_below_nothing(key: int) -> None:
    assert hash_subject(key) < -1
    assert subject_hash(hash_subject(key)) == key


@both_builds
def test_an_item_has_a_fill_and_a_place(build: Build) -> None:
    fills = build("models.layout.fills.page_fills").PageFills()
    with pytest.raises(IndexError, match="before the first fill"):
        fills.add(3)
    with pytest.raises(IndexError, match="before the first fill"):
        fills.insert(0, 3)
    fills.begin(0, 0, -1)
    with pytest.raises(IndexError, match="no index of a fill"):
        fills.insert(-2, 3)
    assert fills.to_list() == [Fill(0, 0, -1, [])]
    rows = build("models.layout.assembly.stability").ScoredRows([(5, 1.0)])
    for index in (-1, 2, 1 << 20):
        with pytest.raises(IndexError, match="no place among 1 rows"):
            rows.insert(index, 3, 0.0)
    assert rows.to_list() == [5]
