"""The README's figures are those of the last benchmark, and nobody's memory."""

from __future__ import annotations

import msgspec

from tests.load.figures import LATEST, Report
from tests.load.readme import README, with_table


def test_the_readme_quotes_the_last_benchmark() -> None:
    report = msgspec.json.decode(LATEST.read_bytes(), type=Report)
    text = README.read_text()
    assert with_table(text, report) == text, "run `python -m tests.load.readme`"
