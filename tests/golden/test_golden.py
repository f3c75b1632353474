"""Recorded sessions give the pages they gave before; changed only on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.comparison import assert_as_recorded
from tests.golden.sessions import TRANSCRIPTS, expected_path, golden_snapshot, render_transcript


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_session_gives_the_pages_it_gave(transcript: Path) -> None:
    assert_as_recorded(render_transcript(transcript, golden_snapshot()), expected_path(transcript))


def test_there_are_sessions() -> None:
    assert {path.stem for path in TRANSCRIPTS} == {"browsing", "cart", "refusal"}
