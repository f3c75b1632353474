"""`etalage train` and `etalage evaluate`: what they print, and one line when something is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from models.training.evaluation import evaluate as evaluation
from models.training.evaluation.evaluate import Result
from models.training.evaluation.metrics import Quality
from streams.cli.main import main

RESULTS = [
    Result("real", "model, with history", "all", Quality(0.25, 0.5, 0.2, 1234)),
    Result("real", "look is among the candidates", "all", Quality(float("nan"), 0.7, float("nan"), 1234)),
]


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(words)
    return int(left.value.code or 0)


def test_a_folder_without_a_model_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", "--model", str(tmp_path)) == 2
    said = capsys.readouterr()
    assert said.err.startswith("etalage: no model in ")
    assert said.err.count("\n") == 1


def test_a_kind_that_does_not_exist_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "--out", str(tmp_path), "--kind", "magic") == 2
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
    assert run("train", "--out", str(tmp_path / "out"), "--kind", "lightgbm") != 0
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_help_of_evaluate_names_no_path_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run("evaluate", "--help") == 0
    said = capsys.readouterr().out
    assert "(the shipped one)" in said
    assert "artifacts" not in said


def test_evaluate_prints_a_table_or_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluation, "evaluate", lambda ranker, **how: RESULTS)
    assert run("evaluate") == 0
    table = capsys.readouterr().out
    assert "0.2500" in table
    assert "1,234" in table
    assert "nan" not in table
    assert run("evaluate", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["model"]["name"] == "baseline-mlp"
    assert document["results"][0]["quality"] == {"ndcg_10": 0.25, "hit_20": 0.5, "mrr_20": 0.2, "looks": 1234}
    assert document["results"][1]["quality"]["ndcg_10"] is None
