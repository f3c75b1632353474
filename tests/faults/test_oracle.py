"""The proof: kill, stop, restart and restore at random; then state equals the pure fold of the log."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.faults.run import Plan, run, short_faults


@pytest.mark.timeout(400)
def test_state_equals_the_fold_of_the_log_whatever_dies(tmp_path: Path, namespace: str) -> None:
    seed = int(os.environ.get("FAULT_SEED", time.time_ns() % 1_000_000))
    report = run(Plan(seed=seed, faults=short_faults(seed)), tmp_path, namespace)
    assert not report.wrong, report.text()
    assert report.records >= 50_000
    assert report.kills >= 20
    assert report.buried > 100, "the log must hold records that cannot be applied"
    assert report.version_reads > 1000, "nobody looked whether versions go backwards"
