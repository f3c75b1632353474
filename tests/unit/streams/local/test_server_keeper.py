"""A server that hangs is reported and left alone; ticking its keeper never waits for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from streams.local.child import HANGS
from streams.local.server_keeper import ServerKeeper
from streams.runtime.ports import wait_until


class HangingServer:
    """Answers probes while `serving` is set, and blocks the prober otherwise."""

    pid: int | None = 7
    address = "127.0.0.1:1"
    log = Path("one.log")

    def __init__(self) -> None:
        self.serving = threading.Event()
        self.probed = threading.Event()
        self.launches = 0

    def start(self) -> None:
        self.serving.set()

    def launch(self) -> None:
        self.pid = 8
        self.launches += 1

    def serves(self) -> bool:
        self.probed.set()
        return self.serving.wait(30)

    def stop(self) -> None:
        self.serving.set()


class Bench:
    """A keeper whose clock is `now`, moved by the test."""

    def __init__(self) -> None:
        self.server, self.notices, self.now = HangingServer(), list[str](), 0.0
        self.keeper = ServerKeeper("one", cast(Any, self.server), self.notices.append)
        self.keeper.start()

    def tick_seconds(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            self.keeper.tick(self.now)

    def wait_for_ready(self) -> bool:
        """Tick at the same moment until the probe under way has its answer."""

        def is_ready() -> bool:
            self.keeper.tick(self.now)
            return self.keeper.status().ready

        return wait_until(is_ready, within_s=10)

    def hang(self) -> None:
        """Answer no probe any more; returns once one waits for its answer."""
        self.server.serving.clear()
        assert wait_until(self._is_probed_again, within_s=10)

    def _is_probed_again(self) -> bool:
        self.server.probed.clear()
        self.tick_seconds(1)
        return self.server.probed.wait(0.2)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.keeper.stop()


def test_a_server_that_hangs_is_reported_once_and_when_it_answers_again(bench: Bench) -> None:
    bench.hang()
    bench.tick_seconds(20)
    status = bench.keeper.status()
    assert (status.ready, status.reason, status.restarts) == (False, HANGS, 0)
    bench.server.serving.set()
    assert bench.wait_for_ready()
    bench.tick_seconds(3)
    assert bench.notices == [
        "one does not answer for 10 s; it runs on (log: one.log)",
        "one answers again",
    ]
    assert bench.keeper.status().reason is None


def test_a_server_that_has_not_served_yet_is_not_ready_rather_than_hanging(bench: Bench) -> None:
    bench.hang()
    bench.server.pid = None
    bench.tick_seconds(20)  # it ended, and is launched again when that is due
    assert bench.server.launches == 1
    assert not bench.keeper.status().ready
    assert bench.notices == ["one ended, again in 0.5 s (log: one.log); its last words: "]
    bench.server.serving.set()
    assert bench.wait_for_ready()
    assert len(bench.notices) == 1
