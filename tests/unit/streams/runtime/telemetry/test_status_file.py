"""The status file: replaced in one step, touched as a heartbeat, and no reason to stop when it cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from schemas.errors import InvalidSetting
from streams.cli import main as cli
from streams.runtime.telemetry import status_file
from streams.runtime.telemetry.status_file import (
    ProcessStatus,
    StatusFile,
    check_writable,
    read_status,
    write_status,
)


def test_a_status_file_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "run" / "worker.json"
    assert read_status(path) is None
    status = ProcessStatus(kind="worker", pid=7, ready=False, probe="127.0.0.1:1", reason="booting")
    write_status(path, status)
    assert read_status(path) == status
    write_status(path, ProcessStatus(kind="worker", pid=7, ready=True))
    assert read_status(path) == ProcessStatus(kind="worker", pid=7, ready=True)
    assert [entry.name for entry in path.parent.iterdir()] == ["worker.json"]


def test_a_status_that_cannot_be_written_is_logged_once_and_written_later(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.write_text("a file where the folder should be")
    file = StatusFile(str(folder / "worker.json"))
    status = ProcessStatus(kind="worker", pid=7, ready=True)
    with capture_logs() as lines:
        file.update(status)
        file.update(status)
        assert [line["event"] for line in lines] == ["status file not writable"]
        folder.unlink()
        file.update(status)
    assert read_status(folder / "worker.json") == status
    assert [line["event"] for line in lines] == ["status file not writable", "status file writable again"]
    assert {line["path"] for line in lines} == {str(folder / "worker.json")}


def test_a_status_that_stays_as_it_is_gives_a_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_file, "HEARTBEAT_EVERY_S", 0.0)
    path = tmp_path / "worker.json"
    file, status = StatusFile(str(path)), ProcessStatus(kind="worker", pid=7, ready=True)
    file.update(status)
    os.utime(path, (1, 1))
    file.update(status)
    assert path.stat().st_mtime > 1
    path.unlink()
    file.update(status)
    assert read_status(path) == status


def test_an_update_is_due_when_the_status_changed_or_a_heartbeat_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_file, "HEARTBEAT_EVERY_S", 3600.0)
    file, status = StatusFile(str(tmp_path / "worker.json")), ProcessStatus(kind="worker", pid=7, ready=True)
    assert file.is_due(status)
    file.update(status)
    assert not file.is_due(status)
    assert file.is_due(ProcessStatus(kind="worker", pid=7, ready=False))
    monkeypatch.setattr(status_file, "HEARTBEAT_EVERY_S", 0.0)
    assert file.is_due(status)
    assert not StatusFile(None).is_due(status)


@pytest.mark.parametrize("name", ["file/worker.json", "folder"])
def test_a_place_where_no_status_can_be_written_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidSetting, match=f"^ETALAGE_STATUS: {tmp_path / name} cannot be written"):
        check_writable(str(tmp_path / name))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder"]


def test_a_place_where_one_can_be_written_is_left_as_it_is(tmp_path: Path) -> None:
    check_writable(None)
    check_writable(str(tmp_path / "new" / "worker.json"))
    assert not list((tmp_path / "new").iterdir())


@pytest.mark.parametrize("kind", ["worker", "items", "gateway", "shoppers"])
def test_every_process_refuses_it(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETALAGE_STATUS", str(tmp_path))
    with pytest.raises(InvalidSetting, match=r"^ETALAGE_STATUS: "):
        cli.load(kind)(args=[], standalone_mode=False)
