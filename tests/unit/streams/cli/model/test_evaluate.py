"""`etalage evaluate`: what it prints, and one line when something is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.training.evaluation import evaluate as evaluation
from models.training.evaluation.evaluate import Result
from models.training.evaluation.metrics import Quality
from tests.unit.streams.cli.command import run_command

RESULTS = [
    Result("real", "model, with history", "all", Quality(0.25, 0.5, 0.2, 1234)),
    Result("real", "look is among the candidates", "all", Quality(float("nan"), 0.7, float("nan"), 1234)),
]


def test_a_folder_without_a_model_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("evaluate", "--model", str(tmp_path)) == 2
    said = capsys.readouterr()
    assert said.err.startswith("etalage: no model in ")
    assert said.err.count("\n") == 1


def test_the_help_of_evaluate_names_no_path_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run_command("evaluate", "--help") == 0
    said = capsys.readouterr().out
    assert "(the shipped one)" in said
    assert "artifacts" not in said


def test_evaluate_prints_a_table_or_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluation, "evaluate", lambda ranker, **how: RESULTS)
    assert run_command("evaluate") == 0
    table = capsys.readouterr().out
    assert "0.2500" in table
    assert "1,234" in table
    assert "nan" not in table
    assert run_command("evaluate", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["model"]["name"] == "baseline-mlp"
    assert document["results"][0]["quality"] == {"ndcg_10": 0.25, "hit_20": 0.5, "mrr_20": 0.2, "looks": 1234}
    assert document["results"][1]["quality"]["ndcg_10"] is None
