"""The parts of `make bench` and their keys."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.load import bench
from tests.load.requirements import REQUIREMENTS


def test_an_unknown_part_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--only", "fold,freshnes"])
    with pytest.raises(SystemExit):
        bench.main()
    assert "no such part: freshnes" in capsys.readouterr().err


def test_every_part_that_has_keys_is_measured() -> None:
    """The word before the first dot of a key names its part, or a part that measures it too."""
    parts = {key.split(".", 1)[0] for key in REQUIREMENTS}
    assert parts <= set(bench.NAMES)


def test_every_key_written_in_the_benchmarks_is_listed() -> None:
    """`figure` refuses others, but only after minutes of measuring."""
    texts = [path.read_text() for path in Path(bench.__file__).parent.glob("*.py")]
    keys = {key for text in texts for key in re.findall(r'figure\(\s*"([a-z0-9_.]+)"', text)}
    assert keys
    assert keys <= REQUIREMENTS.keys()
