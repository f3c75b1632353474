"""Standing: a disk that is full does not end what stands on it."""

from __future__ import annotations

from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest

from streams.running import STATUS_FILE
from streams.settings import Settings
from streams.standing import Standing
from streams.supervisor import write_up_status


def test_a_full_disk_is_told_once_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    up = Standing(Settings(), tmp_path, workers=1, shoppers=False)
    monkeypatch.setattr(up, "_notice", told.append)

    def full(*_: Any) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr("streams.standing.write_up_status", full)
    assert not up._tend().ready
    up._tend()
    assert told == [f"{tmp_path} cannot be written (No space left on device): trying again until it can"]
    monkeypatch.setattr("streams.standing.write_up_status", write_up_status)
    up._tend()
    assert (tmp_path / STATUS_FILE).exists()
    assert told[1:] == [f"{tmp_path} can be written again"]
