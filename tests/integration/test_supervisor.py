"""Supervised processes: brought back when they end, stopped in time, told in one file."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.local.ports import wait_until
from streams.local.processes import last_words
from streams.supervisor import ChildStatus, Job, Notice, Supervisor

READY = """
import json, os, sys, time
path = os.environ["ETALAGE_STATUS"]
with open(path + ".draft", "w") as file:
    json.dump({"kind": "x", "pid": os.getpid(), "ready": True, "address": "127.0.0.1:1"}, file)
os.replace(path + ".draft", path)
time.sleep(600)
"""
STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + READY
FAILING = "import sys; sys.exit('I cannot')"


@contextmanager
def supervised(
    tmp_path: Path, code: str, *, stop_within_s: float = 5, notice: Notice = lambda _: None
) -> Iterator[Supervisor]:
    job = Job(name="one", argv=[sys.executable, "-c", code], env={})
    supervisor = Supervisor([job], tmp_path, notice)
    try:
        yield supervisor
    finally:
        supervisor.stop(stop_within_s)


def tended(supervisor: Supervisor) -> ChildStatus:
    supervisor.tend()
    return supervisor.statuses()["one"]


def await_ready(supervisor: Supervisor) -> ChildStatus:
    assert wait_until(lambda: tended(supervisor).ready, within_s=15)
    return tended(supervisor)


def test_a_child_is_ready_when_it_says_so(tmp_path: Path) -> None:
    with supervised(tmp_path, READY) as supervisor:
        status = await_ready(supervisor)
        assert status.pid is not None
        assert (status.address, status.restarts) == ("127.0.0.1:1", 0)
        assert os.getsid(status.pid) == status.pid


def test_a_killed_child_comes_back(tmp_path: Path) -> None:
    with supervised(tmp_path, READY) as supervisor:
        first = await_ready(supervisor)
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        assert wait_until(lambda: tended(supervisor).restarts == 1, within_s=5)
        second = await_ready(supervisor)
        assert second.pid not in (None, first.pid)


def test_one_that_fails_at_once_is_tried_ever_more_slowly(tmp_path: Path) -> None:
    notices: list[str] = []
    with supervised(tmp_path, FAILING, notice=notices.append) as supervisor:
        began = time.monotonic()
        assert wait_until(lambda: tended(supervisor).restarts == 3, within_s=20)
        assert time.monotonic() - began > 1.4  # 0.5 + 1.0 s of waiting between three tries
        status = tended(supervisor)
        assert not status.ready
        assert notices[0] == f"one ended with 1, again in 0.5 s (log: {status.log}): I cannot"
        assert "again in 1.0 s" in notices[1]


def test_last_words_of_a_json_log_are_for_people(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text('{"level":"info","message":"x"}\n{"level":"error","message":"halted","why":"no Redis"}\n')
    assert last_words(log) == "halted: no Redis"
    log.write_text("[1]\n" + "y" * 999 + "\n")
    assert last_words(log) == "y" * 300


def test_one_that_ignores_term_is_killed(tmp_path: Path) -> None:
    with supervised(tmp_path, STUBBORN) as supervisor:
        pid = await_ready(supervisor).pid
        assert pid is not None
        supervisor.stop(within_s=0.5)
        assert not Path(f"/proc/{pid}").exists()


def test_one_that_stands_still_is_stopped_too(tmp_path: Path) -> None:
    with supervised(tmp_path, READY) as supervisor:
        pid = await_ready(supervisor).pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        supervisor.stop(within_s=10)
        assert time.monotonic() - began < 5
        assert not Path(f"/proc/{pid}").exists()
