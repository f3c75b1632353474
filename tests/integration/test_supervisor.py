"""Supervised processes: brought back when they end, stopped in time, told in one file."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.local.processes import last_words
from streams.local.supervisor import (
    FIRST_WAIT_S,
    HANGS,
    Child,
    ChildStatus,
    Job,
    Notice,
    RestartBackoff,
    Supervisor,
)
from streams.runtime.net import wait_until

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


@contextmanager
def child(tmp_path: Path, notices: list[str]) -> Iterator[Child]:
    """One that is ready, to be tended at moments of the test's own."""
    one = Child(Job(name="one", argv=[sys.executable, "-c", READY], env={}), tmp_path, notices.append)
    try:
        one.tend(0)
        assert wait_until(lambda: one.status().ready, within_s=15)
        yield one
    finally:
        one.stop(5)


def tend_seconds(one: Child, first: int, last: int) -> None:
    """Once a second, as seen by the child's supervisor; none of it is waited for."""
    for second in range(first, last + 1):
        one.tend(second)


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


def test_what_a_killed_child_said_before_is_not_told_as_the_cause(tmp_path: Path) -> None:
    notices: list[str] = []
    with supervised(tmp_path, "print('record buried', flush=True)\n" + READY, notice=notices.append) as one:
        status = await_ready(one)
        assert status.pid is not None
        assert last_words(Path(status.log)) == "record buried"
        os.kill(status.pid, signal.SIGKILL)
        assert wait_until(lambda: tended(one).restarts == 1, within_s=5)
        assert notices == [f"one ended with -9, again in 0.5 s (log: {status.log})"]


def test_one_that_fails_at_once_is_tried_ever_more_slowly(tmp_path: Path) -> None:
    notices: list[str] = []
    with supervised(tmp_path, FAILING, notice=notices.append) as supervisor:
        began = time.monotonic()
        assert wait_until(lambda: tended(supervisor).restarts == 3, within_s=20)
        assert time.monotonic() - began > 1.4  # 0.5 + 1.0 s of waiting between three tries
        status = tended(supervisor)
        assert not status.ready
        assert notices[0] == f"one ended with 1, again in 0.5 s (log: {status.log}); its last words: I cannot"
        assert "again in 1.0 s" in notices[1]


def test_last_words_of_a_json_log_are_for_people(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text('{"level":"info","message":"x"}\n{"message":"halted","error":"no Redis"}\n')
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


def test_one_that_falls_silent_is_told_of_once_and_heard_again(tmp_path: Path) -> None:
    notices: list[str] = []
    with child(tmp_path, notices) as one:
        tend_seconds(one, 1, 9)
        assert one.status().ready
        tend_seconds(one, 10, 20)
        assert (one.status().ready, one.status().reason) == (False, HANGS)
        os.utime(one.status_path)
        tend_seconds(one, 21, 22)
        assert (one.status().ready, one.status().reason) == (True, None)
        assert [notice.split(";")[0] for notice in notices] == [
            "one gives no sign of life for 10 s",
            "one gives signs of life again",
        ]


def test_one_that_stays_silent_is_killed_and_comes_back(tmp_path: Path) -> None:
    notices: list[str] = []
    with child(tmp_path, notices) as one:
        first = one.status().pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        tend_seconds(one, 1, 30)
        assert one.status().pid == first
        tend_seconds(one, 31, 32)
        assert wait_until(lambda: one.status().pid is None, within_s=10)
        one.tend(40)
        one.tend(41)
        assert wait_until(lambda: one.status().ready, within_s=15)
        assert one.status().pid != first
        assert len(notices) == 2
        assert notices[1] == f"one ended with -9, again in 0.5 s (log: {one.log})"


def test_nobody_is_blamed_on_a_disk_where_no_sign_can_be_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[str] = []
    with child(tmp_path, notices) as one:
        monkeypatch.setattr("streams.local.supervisor.os.utime", read_only)
        tend_seconds(one, 1, 60)
        assert one.status().ready
        assert notices == []


def read_only(*_: object, **__: object) -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def test_a_supervisor_that_slept_blames_nobody(tmp_path: Path) -> None:
    with child(tmp_path, []) as one:
        one.tend(1)
        one.tend(3600)
        assert one.status().ready


def ended(turns: RestartBackoff, *, lived_s: float, asked: bool) -> float:
    turns.started(1000)
    return turns.ended(1000 + lived_s, asked=asked)


def test_one_that_was_asked_to_end_starts_again_soon(tmp_path: Path) -> None:
    turns = RestartBackoff()
    waits = [ended(turns, lived_s=20, asked=asked) for asked in (True, True, False, False, True, False)]
    assert waits == [FIRST_WAIT_S, FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S, FIRST_WAIT_S, 1.0]
    assert ended(turns, lived_s=0.1, asked=True) == 4 * FIRST_WAIT_S  # politely, but it does nothing else


def test_a_child_that_is_told_to_end_waits_no_longer_each_time(tmp_path: Path) -> None:
    notices: list[str] = []
    with child(tmp_path, notices) as one:
        for now in (100, 200):
            pid = one.status().pid
            assert pid is not None
            os.kill(pid, signal.SIGTERM)
            assert wait_until(lambda: one.status().pid is None, within_s=10)
            one.tend(now)
            one.tend(now + 50)
        assert [" ".join(notice.split()[:7]) for notice in notices] == [
            "one ended with -15, again in 0.5"
        ] * 2
