"""What an owner tells the store: of every partition that it holds and knows, under its epoch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest

from schemas.errors import StoreUnavailable
from streams.runtime.clock import ManualClock, SystemClock
from streams.runtime.process_context import ProcessContext
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.progress import ProgressReport
from streams.stores.protocols import Claim
from streams.workers.group import progress_reports
from streams.workers.group.ownership import Holding
from streams.workers.group.progress_reports import BacklogLog, ProgressReports


class Halted(Exception):
    pass


class Bed:
    """Holdings, lags and a store, all of them this test's."""

    def __init__(self) -> None:
        claims = {1: Claim("1:x", 11), 2: Claim("2:x", 12)}
        self.held = [Holding(p, claim, turn=1, at=0, reason="assigned") for p, claim in claims.items()]
        self.behind: dict[int, float | None] = {1: 0.25, 2: None}
        self.lag = {1: 5, 2: 0}
        self.told: list[ProgressReport] = []
        self.failures: list[Exception] = []
        self.heard = asyncio.Event()
        context = ProcessContext(clock=SystemClock(), metrics=Metrics(), halt=self.halt)
        self.reports = ProgressReports(self, cast(Any, self), self, context)

    def holdings(self) -> list[Holding]:
        return self.held

    def behind_s(self, partition: int) -> float | None:
        return self.behind[partition]

    async def report(self, reports: Sequence[ProgressReport]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.told += reports
        self.heard.set()

    def halt(self, exc: BaseException) -> NoReturn:
        raise Halted from exc


@pytest.fixture
def bed() -> Bed:
    return Bed()


async def test_what_is_held_and_known_is_told(bed: Bed) -> None:
    await bed.reports.report()
    assert bed.told == [ProgressReport(partition=1, epoch="1:x", done=11, behind_s=0.25)]


async def test_nothing_is_sent_when_nothing_is_known(bed: Bed) -> None:
    bed.behind[1] = None
    bed.failures = [AssertionError("nothing to send")]
    await bed.reports.report()


async def test_a_store_that_does_not_answer_gets_the_next_report_and_a_defect_halts(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_reports, "REPORT_EVERY_S", 0.001)
    bed.failures = [StoreUnavailable("away"), TimeoutError()]
    running = asyncio.create_task(bed.reports.run())
    await bed.heard.wait()
    bed.failures = [ValueError("a defect")]
    with pytest.raises(Halted):
        await running


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What is logged."""
    told: list[tuple[str, dict[str, Any]]] = []
    log = SimpleNamespace(
        info=lambda event, **fields: told.append((event, fields)), debug=lambda *_, **__: None
    )
    monkeypatch.setattr(progress_reports, "log", log)
    return told


def test_a_backlog_is_told_with_the_time_left_and_its_end(lines: list[tuple[str, dict[str, Any]]]) -> None:
    clock = ManualClock(0)
    backlog = BacklogLog(clock)
    for records, behind_s, after_s in (
        (3, 0.5, 1), (9_000, None, 1), (8_000, 700.0, 4), (7_000, 600.0, 5), (5_000, 300.0, 10), (2, 0.1, 3),
        (2, 0.1, 60),
    ):  # fmt: skip
        clock.advance(after_s)
        backlog.note(records, behind_s)
    assert lines == [
        ("catching up", {"records_left": 9_000, "behind_s": None, "fewer_per_s": None, "left_s": None}),
        ("catching up", {"records_left": 5_000, "behind_s": 300.0, "fewer_per_s": 211, "left_s": 24}),
        ("caught up", {"after_s": 22.0}),
    ]


def test_a_backlog_that_grows_has_no_time_left(lines: list[tuple[str, dict[str, Any]]]) -> None:
    clock = ManualClock(0)
    backlog = BacklogLog(clock)
    for records in (100, 900):
        clock.advance(10)
        backlog.note(records, 60.0)
    assert lines[1] == (
        "catching up", {"records_left": 900, "behind_s": 60.0, "fewer_per_s": -80, "left_s": None},
    )  # fmt: skip
