"""Decisions in random shops, byte for byte as they were."""

from __future__ import annotations

from tests.golden.comparison import assert_as_recorded
from tests.golden.decisions import FILE, digests


def test_pages_are_decided_as_ever() -> None:
    assert_as_recorded(digests(), FILE)
