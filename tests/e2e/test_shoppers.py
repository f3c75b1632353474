"""Simulated shoppers against a real shop: it takes their events, and they outlast its absence."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from streams.runtime.telemetry.status_file import read_status

pytestmark = pytest.mark.timeout(300)


def browse(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """A crowd to its end, which is `code`."""
    command = [sys.executable, "-m", "streams.cli.main", "shoppers", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stderr
    return done


def log_lines(done: subprocess.CompletedProcess[str], message: str) -> list[dict[str, object]]:
    """The lines that the crowd logged with this message."""
    lines = [json.loads(line) for line in (done.stdout + done.stderr).splitlines() if line.startswith("{")]
    return [line for line in lines if line["message"] == message]


def test_every_event_of_theirs_is_accepted(shop_url: str) -> None:
    done = browse("--url", shop_url, "--rate", "40", "--shoppers", "8", "--seed", "23", "--for", "8")
    events = log_lines(done, "stopping")[-1]["events"]
    assert isinstance(events, int)
    assert 40 <= events <= 8 * 40 * 1.3
    assert not log_lines(done, "retrying")
    with urllib.request.urlopen(f"{shop_url}v1/visitors/a:shopper-23-0000", timeout=10) as answer:
        assert json.load(answer)["events"] > 0


def test_a_shop_that_is_away_is_tried_again_and_logged_once(
    free_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETALAGE_STATUS", str(tmp_path / "shoppers.json"))
    done = browse("--url", f"http://127.0.0.1:{free_port}", "--shoppers", "5", "--for", "3", code=2)
    assert "did not answer" in done.stderr.splitlines()[-1]
    assert len(log_lines(done, "retrying")) == 1
    status = read_status(tmp_path / "shoppers.json")
    assert status is not None
    assert (status.kind, status.ready) == ("shoppers", True)
