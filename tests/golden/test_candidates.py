"""Candidates and features of random shops are what they always were, compiled and interpreted."""

from __future__ import annotations

from tests.both_builds import Build, both_builds
from tests.golden.candidates import FILE, digests


@both_builds
def test_candidates_and_features_are_as_ever(build: Build) -> None:
    assert digests(build) == FILE.read_text()
