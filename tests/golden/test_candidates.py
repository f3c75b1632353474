"""Candidates and features of random shops are what they always were, compiled and interpreted."""

from __future__ import annotations

from tests.both_builds import Build, both_builds
from tests.golden.candidates import FEATURES_FILE, FILE, digests, only_recorded
from tests.golden.comparison import assert_as_recorded


@both_builds
def test_candidates_and_features_are_as_ever(build: Build) -> None:
    candidates, features = digests(build)
    assert_as_recorded(candidates, FILE)
    assert_as_recorded(only_recorded(features), FEATURES_FILE)
