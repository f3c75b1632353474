"""The index of keys finds what a dict finds, compiled and interpreted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.both_builds import Build, both_builds

KEYS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-3, 3).map(lambda n: n * 64))
"""Any, and some that want the same place."""


@both_builds
@given(keys=st.lists(KEYS, unique=True), others=st.lists(KEYS))
def test_an_index_finds_what_a_dict_finds(build: Build, keys: list[int], others: list[int]) -> None:
    numbers = {key: number for number, key in enumerate(keys)}
    index = build("models.catalog.key_index").KeyIndex(numbers)
    assert [index.find(key) for key in (*keys, *others)] == [numbers.get(key, -1) for key in (*keys, *others)]
