"""The README's figures are those of the last benchmark, and nobody's memory."""

from __future__ import annotations

import msgspec

from tests.load.figures import LATEST, Report
from tests.load.readme import README, with_table
from tests.load.requirements import REQUIREMENTS


def test_the_readme_quotes_the_last_benchmark() -> None:
    report = msgspec.json.decode(LATEST.read_bytes(), type=Report)
    text = README.read_text()
    assert with_table(text, report) == text, "run `python -m tests.load.readme`"


def test_every_key_was_measured_three_times() -> None:
    """Whatever has a must or an aim, the controls these are relative to, and the context."""
    figures = msgspec.json.decode(LATEST.read_bytes(), type=Report).figures
    assert REQUIREMENTS.keys() - figures.keys() == set()
    assert {key: len(figure.runs) for key, figure in figures.items() if len(figure.runs) < 3} == {}
