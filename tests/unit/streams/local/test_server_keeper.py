"""A server that hangs is told of and left alone; who tends it never waits for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from streams.local.server_keeper import KeptServer
from streams.local.supervisor import HANGS
from streams.runtime.net import wait_until


class Server:
    """Answers while it may, and lets its asker wait otherwise."""

    pid: int | None = 7
    address = "127.0.0.1:1"
    log = Path("one.log")

    def __init__(self) -> None:
        self.may = threading.Event()
        self.asked = threading.Event()
        self.launched = 0

    def start(self) -> None:
        self.may.set()

    def launch(self) -> None:
        self.pid = 8
        self.launched += 1

    def serves(self) -> bool:
        self.asked.set()
        return self.may.wait(30)

    def stop(self) -> None:
        self.may.set()


class Bed:
    def __init__(self) -> None:
        self.server, self.notices, self.now = Server(), list[str](), 0.0
        self.kept = KeptServer("one", cast(Any, self.server), self.notices.append)
        self.kept.start()

    def tend_seconds(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            self.kept.tend(self.now)

    def ignore_result(self, ready: bool) -> bool:
        """Tended in place until the answer that is under way has come."""

        def so() -> bool:
            self.kept.tend(self.now)
            return self.kept.status().ready is ready

        return wait_until(so, within_s=10)

    def hang(self) -> None:
        """From the next question on."""
        self.server.may.clear()
        assert wait_until(lambda: self._asked_anew(), within_s=10)

    def _asked_anew(self) -> bool:
        self.server.asked.clear()
        self.tend_seconds(1)
        return self.server.asked.wait(0.2)


@pytest.fixture
def bed() -> Iterator[Bed]:
    made = Bed()
    yield made
    made.kept.stop()


def test_one_that_hangs_is_told_of_once_and_heard_again(bed: Bed) -> None:
    bed.hang()
    bed.tend_seconds(20)
    status = bed.kept.status()
    assert (status.ready, status.reason, status.restarts) == (False, HANGS, 0)
    bed.server.may.set()
    assert bed.ignore_result(ready=True)
    bed.tend_seconds(3)
    assert bed.notices == [
        "one does not answer for 10 s; it runs on (log: one.log)",
        "one answers again",
    ]
    assert bed.kept.status().reason is None


def test_one_that_has_not_served_yet_is_only_not_ready(bed: Bed) -> None:
    bed.hang()
    bed.server.pid = None
    bed.tend_seconds(20)  # lost, and launched again when that was due
    assert bed.server.launched == 1
    assert not bed.kept.status().ready
    assert bed.notices == ["one ended, again in 0.5 s (log: one.log); its last words: "]
    bed.server.may.set()
    assert bed.ignore_result(ready=True)
    assert len(bed.notices) == 1
