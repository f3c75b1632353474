"""The arithmetic of figures: percentiles, medians, latencies joined by record id, the README's table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.load import figures
from tests.load.bed import latencies_ms
from tests.load.figures import Figure, Report, percentile, save
from tests.load.readme import BEGIN, END, table, with_table
from tests.load.requirements import NOTHING


def a_figure(key: str, *runs: float, unit: str = "ms") -> Figure:
    return Figure(key=key, unit=unit, runs=list(runs), load="a load", commit="abc")


def test_percentiles_are_interpolated() -> None:
    assert percentile([1, 2, 3, 4], 50) == 2.5
    assert percentile(range(101), 99) == 99


def test_a_figure_is_its_median_run() -> None:
    assert a_figure("push.p50_ms", 9, 1, 2).median == 2


def test_latencies_join_by_record_id_and_leave_out_what_was_not_seen() -> None:
    sent = {
        "partition": np.array([0, 0, 1]),
        "offset": np.array([0, 1, 0]),
        "sent": np.array([10.0, 11.0, 12.0]),
    }
    found = latencies_ms(sent, [1, 0], [0, 1], [12.5, 11.25])
    assert found.tolist() == pytest.approx([250, 500])


def test_what_never_came_counts_until_the_end_and_what_a_later_notice_covers_does_not() -> None:
    sent = {
        "partition": np.array([0, 0, 0]),
        "offset": np.array([0, 1, 2]),
        "sent": np.array([10.0, 11.0, 12.0]),
    }
    assert latencies_ms(sent, [0], [1], [11.5], until=14.0).tolist() == pytest.approx([500, 2000])


def test_the_table_tells_must_and_aim_of_each_key() -> None:
    figures = {
        key: a_figure(key, *runs) for key, runs in (("push.p50_ms", (4, 6, 90)), ("rank.25.p50_ms", (1,)))
    }
    lines = table(Report(machine="a machine", figures=figures)).splitlines()
    assert lines[0].startswith("On a machine")
    assert "| `push.p50_ms` | 6.00 ms (4.00 – 90.0) | ≤ 8 ✓ | ≤ 5 **missed** | a load | `abc` |" in lines
    assert "| `rank.25.p50_ms` | 1.00 ms (1.00 – 1.00) |  |  | a load | `abc` |" in lines


def test_the_table_replaces_what_stands_between_its_marks() -> None:
    report = Report(machine="m", figures={})
    text = with_table(f"before\n{BEGIN}\nold\n{END}\nafter", report)
    assert text == f"before\n{BEGIN}\n{table(report)}\n{END}\nafter"


def test_saving_keeps_other_keys_and_drops_those_no_longer_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "LATEST", tmp_path / "latest.json")
    monkeypatch.setattr(figures, "commit", lambda: "abc")
    save([a_figure("push.p50_ms", 1), a_figure("push.p99_ms", 1)])
    with monkeypatch.context() as patched:
        patched.setattr(figures, "REQUIREMENTS", {"push.p50_ms": NOTHING})
        assert save([a_figure("push.p50_ms", 2)]).figures == {"push.p50_ms": a_figure("push.p50_ms", 2)}
