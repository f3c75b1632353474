"""`etalage demo`: a file that is there is not lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.streams.cli.command import run_command


def test_a_file_that_is_there_is_written_over_only_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "all.ndjson"
    file.write_text("mine")
    words = ("demo", "catalogue", str(file), "--count", "3")
    assert run_command(*words) == 2
    wanted = f"etalage: {file} is there already: name another file, or write over it with --force\n"
    assert capsys.readouterr().err == wanted
    assert file.read_text() == "mine"
    assert run_command(*words, "--force") == 0
    assert len(file.read_text().splitlines()) == 3


def test_a_device_keeps_nothing_that_could_be_lost() -> None:
    assert run_command("demo", "catalogue", "/dev/null", "--count", "1") == 0
