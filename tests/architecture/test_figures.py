"""The README's figures are those of the last benchmark, and nobody's memory."""

from __future__ import annotations

import msgspec

from tests.load.figures import LATEST, Report
from tests.load.readme import README, with_table


def test_the_readme_quotes_the_last_benchmark() -> None:
    report = msgspec.json.decode(LATEST.read_bytes(), type=Report)
    text = README.read_text()
    assert with_table(text, report) == text, "run `python -m tests.load.readme`"


ASKED = {
    "stream": ("events_per_second", "events_per_second_lightgbm", "control_ratio", "cpu_us_per_event"),
    "freshness": ("p50_ms", "p99_ms", "floor_p50_ms", "floor_p99_ms"),
    "push": ("p50_ms", "p99_ms"),
    "rank": ("floor_p50_ms", *(f"{n}.{p}_ms" for n in (25, 100, 200, 300) for p in ("p50", "p99"))),
    "layout_get": ("requests_per_second", "p99_ms", "ceiling_ratio"),
    "memory": ("bytes_per_visitor", "worker_rss_mb"),
    "rebuild": ("events_per_second",),
}


def test_every_figure_was_measured_three_times() -> None:
    report = msgspec.json.decode(LATEST.read_bytes(), type=Report)
    asked = {f"{part}.{name}" for part, names in ASKED.items() for name in names}
    assert asked - report.figures.keys() == set()
    assert {key: len(figure.runs) for key, figure in report.figures.items() if len(figure.runs) < 3} == {}
