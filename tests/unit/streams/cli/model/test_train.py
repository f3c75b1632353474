"""`etalage train`: one line when something is missing, before minutes of training."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.unit.streams.cli.command import run_command


def test_a_kind_that_does_not_exist_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("train", "--out", str(tmp_path), "--kind", "magic") == 2
    assert "magic" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("raise OSError('libgomp.so.1: cannot open shared object file')", "libgomp.so.1"),
        (
            "raise ImportError('no', name='lightgbm')",
            "`make install` in a checkout, else pip install 'etalage[train]'",
        ),
    ],
)
def test_what_trees_need_is_told_before_training(
    broken: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "lightgbm.py").write_text(broken)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lightgbm", raising=False)
    assert run_command("train", "--out", str(tmp_path / "out"), "--kind", "lightgbm") != 0
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()
