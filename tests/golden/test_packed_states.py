"""The states of a made-up log, byte for byte as they always were, compiled and interpreted."""

from __future__ import annotations

from tests.both_builds import Build, both_builds
from tests.golden.comparison import assert_as_recorded
from tests.golden.packed_states import FILE, digests


@both_builds
def test_states_are_folded_and_packed_as_ever(build: Build) -> None:
    assert_as_recorded(digests(build("models.visitor.fold").fold_packed), FILE)
