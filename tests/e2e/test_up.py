"""`etalage up`, as a newcomer runs it: everything starts, what dies is restarted, and nothing is left."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from streams.runtime.ports import wait_until
from tests.running_up import Up, command

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = Up(tmp_path / "shop", "--no-shoppers", "--namespace", "up-test")
    yield running
    if running.process.poll() is None:
        running.end(signal.SIGKILL)


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"}


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def without_reasons(status: dict[str, Any]) -> dict[str, Any]:
    """A status without what its children say of themselves, which changes while they run."""
    children = {name: child | {"reason": None} for name, child in status["children"].items()}
    return status | {"children": children}


def test_everything_stands_and_falls(up: Up) -> None:
    status = up.await_ready()
    assert status["namespace"] == "up-test"
    assert set(status["children"]) == {"worker-1", "gateway-1", "gateway-2", "items"}
    assert set(status["servers"]) == {"kafka", "redis"}
    pids = up.pids()
    listed = {child["pid"] for child in status["children"].values()}
    assert listed | {server["pid"] for server in status["servers"].values()} == pids
    second = command("up", "--data", str(up.folder), kafka=status["kafka"], redis=status["redis"])
    assert second.returncode == 2
    assert second.stderr.startswith(f"etalage: another `etalage up` (pid {up.process.pid}) uses ")
    assert second.stderr.count("\n") == 1
    assert without_reasons(up.status()) == without_reasons(status), "the second one changed nothing"
    assert "2,000 products" in command("catalog", "list", "--data", str(up.folder)).stdout
    assert "home for a:x" in command("layout", "home", "--visitor", "a:x", "--data", str(up.folder)).stdout
    layout = json.loads(fetch(f"{status['url']}v1/layouts/home?visitor=a:newcomer"))
    assert layout["slots"]
    assert "The shop is open" in up.output()
    assert up.end(signal.SIGTERM) == 0
    assert not alive(pids)
    assert not up.status()


def assert_a_killed_server_comes_back(up: Up, name: str) -> None:
    before = up.status()["servers"][name]
    os.kill(before["pid"], signal.SIGKILL)
    assert wait_until(lambda: not up.status()["ready"], within_s=60)
    assert wait_until(lambda: up.status()["servers"][name]["restarts"] > before["restarts"], within_s=60)
    after = up.await_ready()["servers"][name]
    assert after["address"] == before["address"]
    assert after["pid"] != before["pid"]
    assert f"! {name} ended, again in " in up.output()


def assert_hanging_ones_are_reported(up: Up) -> None:
    """A paused server and a paused process are reported, and continue with the same pid."""
    status = up.status()
    hanging = {"redis": status["servers"]["redis"], "items": status["children"]["items"]}

    def are_reported() -> bool:
        now = up.status()
        items = now["children"]["items"]
        return "reason" in now["servers"]["redis"] and "sign of life" in items.get("reason", "")

    for one in hanging.values():
        os.killpg(one["pid"], signal.SIGSTOP)
    try:
        assert wait_until(are_reported, within_s=60), up.status()
        assert not up.status()["ready"]
    finally:
        for one in hanging.values():
            os.killpg(one["pid"], signal.SIGCONT)
    after = up.await_ready()
    assert after["servers"]["redis"]["pid"] == hanging["redis"]["pid"]
    assert "! redis answers again" in up.output()
    assert "! items gives signs of life again" in up.output()


def test_killed_ones_come_back_and_data_survive(up: Up, tmp_path: Path) -> None:
    first = up.await_ready()
    before = first["children"]["worker-1"]
    os.kill(before["pid"], signal.SIGKILL)
    assert wait_until(
        lambda: up.status()["children"]["worker-1"]["restarts"] > before["restarts"], within_s=60
    )
    assert up.await_ready()["children"]["worker-1"]["pid"] != before["pid"]
    for name in ("redis", "kafka"):
        assert_a_killed_server_comes_back(up, name)
    assert_hanging_ones_are_reported(up)
    pids = up.pids()
    assert up.end(signal.SIGKILL) != 0
    assert wait_until(lambda: not alive(pids), within_s=60)
    again = Up(up.folder, "--no-shoppers", "--namespace", "up-test")
    try:
        again.await_ready()
        assert "catalogue.ndjson" in {path.name for path in up.folder.iterdir()}
    finally:
        assert again.end(signal.SIGINT) == 0
