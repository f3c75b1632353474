"""The lifecycle of a process: its status at each step, and that it ends on a signal."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from streams.runtime.settings import Settings
from streams.runtime.telemetry import status_file
from streams.runtime.telemetry.metrics import Metrics
from streams.runtime.telemetry.probes import Readiness
from streams.runtime.telemetry.status_file import read_status
from streams.workers.group import lifecycle
from streams.workers.group.lifecycle import GroupMember, ProcessLifecycle
from tests.unit.streams.eventually import eventually


class App:
    """As much of a Faust app as a lifecycle sees; `calls` is what was done to it, in order."""

    crashed, crash_reason = False, None

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.transport = SimpleNamespace(owner=SimpleNamespace(revoke=lambda: self.calls.append("revoked")))

    async def start(self) -> None:
        self.calls.append("started")

    async def stop(self) -> None:
        self.calls.append("stopped")


@pytest.fixture
def bounds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the end may take, instead of a thread that ends these tests."""
    seconds: list[float] = []
    monkeypatch.setattr(lifecycle, "exit_after", seconds.append)
    return seconds


@pytest.fixture
def shown_status(tmp_path: Path) -> Callable[[], tuple[bool, str | None]]:
    def read() -> tuple[bool, str | None]:
        status = read_status(tmp_path / "status.json")
        return (status.ready, status.reason) if status else (False, "nothing")

    return read


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(status=str(tmp_path / "status.json"), drain_s=3.0)


ShownStatus = Callable[[], tuple[bool, str | None]]


async def test_it_says_what_it_waits_for_and_ends_in_order(
    settings: Settings, shown_status: ShownStatus, bounds: list[float]
) -> None:
    app, metrics = App(), Metrics()
    ownership, shop = SimpleNamespace(generation=-1, holds_all=False), [Readiness(False, "no shop")]
    begin_now = asyncio.Event()

    async def finish() -> None:
        app.calls.append("finished")

    async def begin(stack: AsyncExitStack) -> GroupMember:
        await begin_now.wait()
        stack.callback(app.calls.append, "closed")
        return GroupMember(
            app=cast(Any, app), ownership=cast(Any, ownership), readiness=lambda: shop[0], before_stop=finish
        )

    running = asyncio.create_task(ProcessLifecycle("worker", settings, metrics).run(begin))
    await eventually(lambda: shown_status() == (False, "not yet connected; the log says what is waited for"))
    begin_now.set()
    await eventually(lambda: shown_status() == (False, "no shop"))
    shop[0] = Readiness(True)
    await eventually(lambda: shown_status() == (False, "not yet a member of the group"))
    ownership.generation = 1
    await eventually(lambda: shown_status() == (False, "partitions are being taken"))
    ownership.holds_all = True
    await eventually(lambda: shown_status() == (True, None))
    shop[0] = Readiness(False, "Redis: away")
    await eventually(lambda: shown_status() == (False, "Redis: away"))
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert shown_status() == (False, "ending")
    assert app.calls == ["started", "finished", "revoked", "stopped", "closed"]
    assert bounds == [3.0 + lifecycle.HARD_EXIT_EXTRA_S]
    looks = metrics.render().decode().split("etalage_event_loop_lag_seconds_count ")[1]
    assert float(looks.split()[0]) > 0


async def test_told_to_end_before_it_had_begun(
    settings: Settings, shown_status: ShownStatus, bounds: list[float]
) -> None:
    closed = asyncio.Event()

    async def begin(stack: AsyncExitStack) -> GroupMember:
        stack.callback(closed.set)
        await asyncio.Event().wait()
        raise AssertionError

    running = asyncio.create_task(ProcessLifecycle("items", settings, Metrics()).run(begin))
    await eventually(lambda: shown_status() == (False, "not yet connected; the log says what is waited for"))
    os.kill(os.getpid(), signal.SIGINT)
    await running
    assert shown_status() == (False, "ending")
    assert closed.is_set()
    assert len(bounds) == 1


async def test_one_whose_app_takes_long_to_start_lives(
    settings: Settings, bounds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, ownership = App(), SimpleNamespace(generation=-1, holds_all=False)
    for module in (lifecycle, status_file):
        monkeypatch.setattr(module, "HEARTBEAT_EVERY_S", 0.0)
    starting, started = asyncio.Event(), asyncio.Event()

    async def start() -> None:
        starting.set()
        await started.wait()

    async def begin(stack: AsyncExitStack) -> GroupMember:
        return GroupMember(app=cast(Any, app), ownership=cast(Any, ownership))

    monkeypatch.setattr(app, "start", start)
    running = asyncio.create_task(ProcessLifecycle("worker", settings, Metrics()).run(begin))
    await starting.wait()
    os.utime(settings.status or "", (1, 1))
    await eventually(lambda: Path(settings.status or "").stat().st_mtime > 1)
    started.set()
    os.kill(os.getpid(), signal.SIGTERM)
    await running


async def test_what_keeps_it_from_beginning_is_told(settings: Settings, bounds: list[float]) -> None:
    async def begin(stack: AsyncExitStack) -> GroupMember:
        raise OSError("no way")

    with pytest.raises(OSError, match="no way"):
        await ProcessLifecycle("items", settings, Metrics()).run(begin)
    assert bounds == []
