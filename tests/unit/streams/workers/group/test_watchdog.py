"""Lag as the watchdog measures it: in records, and in seconds that are exact while work goes on."""

from __future__ import annotations

from typing import Any, NoReturn, cast

import pytest

from streams.runtime.process_context import ProcessContext
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.protocols import Claim
from streams.workers.group.ownership import Holding
from streams.workers.group.watchdog import Stalled, Watchdog

P = 3


class Clock:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.at = 5_000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


class Bed:
    """A watchdog over one partition that is held, or is being taken while `held` is None."""

    def __init__(self) -> None:
        self.clock, self.metrics = Clock(), Metrics()
        self.held: Holding | None = Holding(P, Claim("1:x", None), turn=1, at=0, reason="assigned")
        self.assigned = frozenset({P})
        context = ProcessContext(clock=cast(Any, self.clock), metrics=self.metrics, halt=self.halt)
        ends: Any = None
        self.dog = Watchdog(cast(Any, self), ends, stall_s=30, is_retrying=lambda: False, context=context)

    @property
    def assigned_partitions(self) -> frozenset[int]:
        return self.assigned

    def holding(self, partition: int) -> Holding | None:
        return self.held if partition == P else None

    def halt(self, exc: BaseException) -> NoReturn:
        raise exc

    def look(self, end: int, *, at: float, next_: int | None = None, arrived: float | None = None) -> float:
        """Lag in seconds after a look."""
        self.clock.at = at
        if self.held is not None and next_ is not None:
            self.held.next = next_
        if self.held is not None and arrived is not None:
            self.held.arrived = arrived
        self.dog.look({P: end})
        return self.metric(f'etalage_consumer_lag_seconds{{partition="{P}"}}')

    def metric(self, name: str) -> float:
        lines = [line for line in self.metrics.render().decode().splitlines() if line.startswith(name + " ")]
        return float(lines[0].split()[-1])


@pytest.fixture
def bed() -> Bed:
    return Bed()


def test_no_lag_is_no_age_however_old_the_last_record(bed: Bed) -> None:
    assert bed.look(10, at=5_000, next_=10, arrived=100.0) == 0


def test_a_backlog_is_as_old_as_what_is_being_settled(bed: Bed) -> None:
    assert bed.look(900, at=5_000, next_=10, arrived=1_400.0) == 3_600
    assert bed.look(900, at=5_001, next_=500, arrived=4_901.0) == 100
    assert bed.look(900, at=5_002, next_=900, arrived=5_001.0) == 0


def test_what_comes_to_a_quiet_partition_is_no_older_than_the_last_look(bed: Bed) -> None:
    bed.look(10, at=5_000, next_=10, arrived=100.0)
    assert bed.look(12, at=5_001) == 1
    assert bed.look(12, at=5_006) == 6


def test_of_a_log_of_which_nothing_was_settled_yet_the_wait_is_told(bed: Bed) -> None:
    assert bed.look(12, at=5_000) == 0
    assert bed.look(12, at=5_004) == 4


def test_a_partition_that_cannot_be_taken_grows_older_and_ends_the_process(bed: Bed) -> None:
    bed.held = None
    bed.look(12, at=5_000)
    assert bed.look(12, at=5_010) == 10
    with pytest.raises(Stalled, match=f"partition {P}"):
        bed.look(12, at=5_031)


def test_progress_is_seen(bed: Bed) -> None:
    bed.look(12, at=5_000, next_=1)
    bed.look(12, at=5_001, next_=5)
    bed.look(12, at=5_002, next_=5)
    assert bed.metric("etalage_progress_timestamp_seconds") == 5_001


def test_a_partition_that_left_is_told_of_no_more(bed: Bed) -> None:
    bed.look(12, at=5_000)
    bed.assigned = frozenset()
    bed.dog.look({})
    assert b"etalage_consumer_lag_seconds{" not in bed.metrics.render()
    assert bed.dog.lag == {}


def test_a_look_reads_only_what_is_assigned(bed: Bed) -> None:
    bed.dog.look({P: 1, 99: 5})
    assert bed.dog.lag == {P: 1}


def test_a_log_whose_ends_are_not_told_is_trouble(bed: Bed) -> None:
    bed.look(0, at=5_000)
    bed.clock.at = 5_002
    assert bed.dog.unready_reason == ""
    bed.clock.at = 5_030
    assert bed.dog.unready_reason == "Kafka has not told the log's ends for 30 s"
    bed.look(0, at=5_031)
    assert bed.dog.unready_reason == ""


def test_a_partition_being_taken_again_keeps_its_lag(bed: Bed) -> None:
    bed.look(12, at=5_000, next_=10)
    bed.held = None
    bed.look(16, at=5_001)
    assert bed.dog.lag == {P: 6}


def test_how_far_behind_a_partition_is_grows_between_two_looks(bed: Bed) -> None:
    assert bed.dog.behind_s(P) is None
    bed.look(10, at=5_000, next_=10)
    bed.clock.at = 5_002
    assert bed.dog.behind_s(P) == 2
    bed.look(900, at=5_003, next_=20, arrived=4_000.0)
    assert bed.dog.behind_s(P) == 3, "nothing is older than the last look without lag"
    bed.look(900, at=5_004, next_=500, arrived=5_001.0)
    assert bed.dog.behind_s(P) == 3


@pytest.mark.parametrize("what", ["being taken", "no end", "nothing settled"])
def test_how_far_behind_is_not_known(bed: Bed, what: str) -> None:
    if what != "nothing settled":
        bed.look(10, at=5_000, next_=10, arrived=100.0)
    if what == "being taken":
        bed.held = None
    bed.clock.at = 5_001
    bed.dog.look({} if what == "no end" else {P: 12})
    assert bed.dog.behind_s(P) is None


def test_what_was_settled_before_the_store_forgot_counts_no_more(bed: Bed) -> None:
    bed.look(900, at=5_000, next_=900, arrived=4_999.0)
    bed.held = Holding(P, Claim("2:y", None), turn=2, at=0, reason="regressed")
    assert bed.look(900, at=5_010, next_=0) == 0
    assert bed.dog.behind_s(P) is None
    assert bed.look(900, at=5_012, next_=300, arrived=1_000.0) == 4_012
    assert bed.dog.behind_s(P) == 4_012
