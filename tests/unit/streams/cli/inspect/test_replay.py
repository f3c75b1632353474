"""`etalage replay`: readable by people, and by machines."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from schemas.layouts import Layout
from streams.cli import main as cli
from tests.unit.streams.cli.command import run_command

GOLDEN = Path(__file__).parents[4] / "golden"
CATALOGUE = str(GOLDEN / "catalogue.json")


def test_a_session_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("replay", str(GOLDEN / "cart.jsonl"), "--catalog", CATALOGUE, "--ranker", "none") == 0
    said = capsys.readouterr().out
    assert "a:carla  add_to_cart jackets-0001 Knoll Down Parka" in said
    assert "cart jackets-0001" in said
    assert "home.row-1  Because you viewed Knoll Down Parka" in said
    assert "as before" in said


def test_for_machines_each_line_is_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("replay", str(GOLDEN / "browsing.jsonl"), "--catalog", CATALOGUE, "--ranker", "none", "--json")
    assert run_command(*words, "--top", "2") == 0
    steps = [msgspec.json.decode(line) for line in capsys.readouterr().out.splitlines()]
    assert [step["offset"] for step in steps] == list(range(10))
    assert {len(step["top"]) for step in steps} == {2}
    layout = msgspec.convert(steps[1]["layout"], Layout)
    assert layout.reason == "model_missing"
    assert steps[1]["state"]["events"] == 2
    assert steps[1]["top"][0]["why"]["features"]["anchor_same_category"] == 1.0


def test_a_line_that_is_no_event_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = tmp_path / "session.jsonl"
    session.write_bytes((GOLDEN / "cart.jsonl").read_bytes() + b'{"event":"view_item"}\n')
    assert run_command("replay", str(session), "--catalog", CATALOGUE, "--ranker", "none") == cli.REFUSED
    said = capsys.readouterr()
    assert "a:carla  add_to_cart" in said.out
    first, last = said.err.splitlines()
    assert first.startswith("session.jsonl line 8 would be a dead letter: ")
    assert last == "etalage: 1 of 8 lines of session.jsonl are no events"


@pytest.mark.parametrize("content", ["", "not json\n"])
def test_a_file_without_events_is_refused(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = tmp_path / "session.jsonl"
    session.write_text(content)
    assert run_command("replay", str(session)) == cli.REFUSED
    said = capsys.readouterr().err
    assert "no event in it" in said
    assert ("(line 1: " in said) is bool(content)
