"""The README's figures are those of the last benchmark, and nobody's memory."""

from __future__ import annotations

from fnmatch import fnmatch

import msgspec

from tests.load.figures import LATEST, Report
from tests.load.readme import README, with_table
from tests.load.requirements import REQUIREMENTS


def test_the_readme_quotes_the_last_benchmark() -> None:
    report = msgspec.json.decode(LATEST.read_bytes(), type=Report)
    text = README.read_text()
    assert with_table(text, report) == text, "run `python -m tests.load.readme`"


NOT_YET = (
    "decide.*",
    "fair.*",
    "fold.*",
    "freshness.3000.*",
    "intake.*",
    "memory.at_100000.*",
    "memory.gateway_rss_mb",
    "page_get.*",
    "push.floor_*",
    "scale.*",
    "upload.*",
    "*.twin_*",
)
"""Keys that came after the last whole benchmark; the next one measures them, and this goes."""


def test_every_key_was_measured_three_times() -> None:
    """Whatever has a must or an aim, the controls these are relative to, and the context."""
    figures = msgspec.json.decode(LATEST.read_bytes(), type=Report).figures
    missing = REQUIREMENTS.keys() - figures.keys()
    assert {key for key in missing if not any(fnmatch(key, one) for one in NOT_YET)} == set()
    assert missing or not NOT_YET, "all are measured now: NOT_YET goes"
    assert {key: len(figure.runs) for key, figure in figures.items() if len(figure.runs) < 3} == {}
