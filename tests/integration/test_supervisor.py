"""Supervised processes are restarted when they end or hang, and stopped in time."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.local.child import HANGS, STOP_WITHIN_S, Child, Job, Notify
from streams.local.processes import last_log_message
from streams.local.supervisor import Supervisor
from streams.local.up_status import ChildStatus
from streams.runtime.ports import wait_until

WITHIN_S = 60.0
"""So long is waited at most for what must come; no test passes for being fast."""

READY = """
import json, os, sys, time
path = os.environ["ETALAGE_STATUS"]
with open(path + ".draft", "w") as file:
    json.dump({"kind": "x", "pid": os.getpid(), "ready": True, "address": "127.0.0.1:1"}, file)
os.replace(path + ".draft", path)
time.sleep(600)
"""
TERMINATED = "was asked to end"
POLITE = f"import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit({TERMINATED!r}))\n" + READY
COUNTING = (
    "import signal, time\n"
    "def note(*_):\n    print('TERM', flush=True)\n    time.sleep(0.5)\n    raise SystemExit\n"
    "signal.signal(signal.SIGTERM, note)\n"
) + READY
STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + READY
FAILING = "import sys; sys.exit('I cannot')"


@contextmanager
def supervised(tmp_path: Path, code: str, *, notify: Notify = lambda _: None) -> Iterator[Supervisor]:
    job = Job(name="one", argv=[sys.executable, "-c", code], env={})
    supervisor = Supervisor([job], tmp_path, notify)
    try:
        yield supervisor
    finally:
        supervisor.stop(within_s=5)


@contextmanager
def child(tmp_path: Path, notices: list[str], code: str = READY) -> Iterator[Child]:
    """A ready child, to be ticked at moments that the test chooses."""
    one = Child(Job(name="one", argv=[sys.executable, "-c", code], env={}), tmp_path, notices.append)
    try:
        one.tick(0)
        assert wait_until(lambda: one.status().ready, within_s=WITHIN_S)
        yield one
    finally:
        one.terminate()
        one.await_end(5)


def tick_seconds(one: Child, first: int, last: int) -> None:
    """Tick once for each second, without waiting."""
    for second in range(first, last + 1):
        one.tick(second)


def tick(supervisor: Supervisor) -> ChildStatus:
    supervisor.tick()
    return supervisor.statuses()["one"]


def await_ready(supervisor: Supervisor) -> ChildStatus:
    assert wait_until(lambda: tick(supervisor).ready, within_s=WITHIN_S)
    return tick(supervisor)


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
        assert wait_until(lambda: tick(supervisor).restarts == 1, within_s=WITHIN_S)
        second = await_ready(supervisor)
        assert second.pid not in (None, first.pid)


def test_the_log_of_a_killed_child_is_not_given_as_the_cause(tmp_path: Path) -> None:
    notices: list[str] = []
    with supervised(tmp_path, "print('record buried', flush=True)\n" + READY, notify=notices.append) as one:
        status = await_ready(one)
        assert status.pid is not None
        assert last_log_message(Path(status.log)) == "record buried"
        os.kill(status.pid, signal.SIGKILL)
        assert wait_until(lambda: tick(one).restarts == 1, within_s=WITHIN_S)
        assert notices == [f"one ended with -9, again in 0.5 s (log: {status.log})"]


def test_one_that_fails_at_once_is_restarted_ever_more_slowly(tmp_path: Path) -> None:
    notices: list[str] = []
    with supervised(tmp_path, FAILING, notify=notices.append) as supervisor:
        assert wait_until(lambda: tick(supervisor).restarts == 3, within_s=WITHIN_S)
        status = tick(supervisor)
        assert not status.ready
        assert notices[0] == f"one ended with 1, again in 0.5 s (log: {status.log}); its last words: I cannot"
        assert [notice.split("; ")[0].split(" (")[0] for notice in notices[:3]] == [
            f"one ended with 1, again in {wait_s:.1f} s" for wait_s in (0.5, 1.0, 2.0)
        ]


def test_one_that_ignores_term_is_killed(tmp_path: Path) -> None:
    with supervised(tmp_path, STUBBORN) as supervisor:
        pid = await_ready(supervisor).pid
        assert pid is not None
        supervisor.stop(within_s=0.5)
        assert not Path(f"/proc/{pid}").exists()


def test_one_that_is_paused_handles_term_too(tmp_path: Path) -> None:
    with supervised(tmp_path, POLITE) as supervisor:
        status = await_ready(supervisor)
        assert status.pid is not None
        os.kill(status.pid, signal.SIGSTOP)
        supervisor.stop(within_s=60)
        assert not Path(f"/proc/{status.pid}").exists()
        assert last_log_message(Path(status.log)) == TERMINATED, "it handled TERM, and was not killed"


def test_a_child_is_sent_one_term(tmp_path: Path) -> None:
    """A second one would interrupt the handler of the first."""
    with child(tmp_path, [], COUNTING) as one:
        one.terminate()
        assert wait_until(lambda: one.log.read_text() == "TERM\n", within_s=WITHIN_S)
        one.await_end(WITHIN_S)
        assert one.log.read_text() == "TERM\n"


def test_one_that_hangs_is_reported_once_and_when_it_lives_again(tmp_path: Path) -> None:
    notices: list[str] = []
    with child(tmp_path, notices) as one:
        tick_seconds(one, 1, 9)
        assert one.status().ready
        tick_seconds(one, 10, 20)
        assert (one.status().ready, one.status().reason) == (False, HANGS)
        os.utime(one.status_path)
        tick_seconds(one, 21, 22)
        assert (one.status().ready, one.status().reason) == (True, None)
        assert [notice.split(";")[0] for notice in notices] == [
            "one gives no sign of life for 10 s",
            "one gives signs of life again",
        ]


def test_one_that_hangs_for_long_is_killed_and_restarted(tmp_path: Path) -> None:
    notices: list[str] = []
    with child(tmp_path, notices) as one:
        first = one.status().pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        tick_seconds(one, 1, 30)
        assert one.status().pid == first
        tick_seconds(one, 31, 32)
        assert wait_until(lambda: one.status().pid is None, within_s=WITHIN_S)
        one.tick(40)
        one.tick(40.4)
        assert one.status().pid is None, "a restart waits for its backoff"
        one.tick(41)
        assert wait_until(lambda: one.status().ready, within_s=WITHIN_S)
        assert one.status().pid != first
        assert len(notices) == 2
        assert notices[1] == f"one ended with -9, again in 0.5 s (log: {one.log})"


def test_on_a_disk_that_takes_no_heartbeat_nothing_counts_as_hanging(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[str] = []
    with child(tmp_path, notices) as one:
        monkeypatch.setattr("streams.local.child.os.utime", read_only)
        tick_seconds(one, 1, 60)
        assert one.status().ready
        assert notices == []


def read_only(*_: object, **__: object) -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def test_a_supervisor_that_was_asleep_takes_nothing_for_hanging(tmp_path: Path) -> None:
    with child(tmp_path, []) as one:
        one.tick(1)
        one.tick(3600)
        assert one.status().ready


def test_a_child_that_is_asked_to_end_does_not_back_off(tmp_path: Path) -> None:
    notices: list[str] = []
    with child(tmp_path, notices) as one:
        for now in (100, 200):
            pid = one.status().pid
            assert pid is not None
            os.kill(pid, signal.SIGTERM)
            assert wait_until(lambda: one.status().pid is None, within_s=WITHIN_S)
            one.tick(now)
            one.tick(now + 50)
        assert [" ".join(notice.split()[:7]) for notice in notices] == [
            "one ended with -15, again in 0.5"
        ] * 2


def test_a_restart_on_request_waits_for_no_backoff_and_is_no_news(tmp_path: Path) -> None:
    notices: list[str] = []
    with child(tmp_path, notices, POLITE) as one:
        before = one.status().pid
        one.restart(1)
        assert one.restarting

        def started_again() -> bool:
            one.tick(1)
            return not one.restarting

        assert wait_until(started_again, within_s=WITHIN_S)
        after = one.status()
        assert after.pid not in (None, before)
        assert (after.restarts, notices) == (1, [])


def test_one_that_ignores_the_request_to_restart_is_killed(tmp_path: Path) -> None:
    with child(tmp_path, [], STUBBORN) as one:
        one.restart(1)

        def started_again() -> bool:
            one.tick(1 + STOP_WITHIN_S + 1)
            return not one.restarting

        one.tick(1 + STOP_WITHIN_S)
        assert one.restarting
        assert wait_until(started_again, within_s=WITHIN_S)
