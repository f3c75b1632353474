"""Musts and aims: absolute and relative bounds, and what a report says of a figure."""

from __future__ import annotations

import pytest

from tests.load.figures import Assessment, Figure, Report, assess, figure
from tests.load.requirements import NOTHING, REQUIREMENTS, Bound, Requirement, least, most


@pytest.mark.parametrize(
    ("bound", "value", "verdict"),
    [
        (most(80), 80.0, "met"),
        (most(80), 80.1, "missed"),
        (least(5000), 5000.0, "met"),
        (least(5000), 4999.0, "missed"),
        (most(6, of="floor"), 8.0, "met"),
        (most(6, of="floor"), 8.1, "missed"),
        (most(of="floor", times=4), 8.1, "missed"),
        (least(of="floor", times=0.8), 1.6, "met"),
        (least(of="floor", times=0.8), 1.5, "missed"),
        (most(of="not measured"), 1.0, ""),
    ],
)
def test_a_bound_is_judged_against_the_median_of_its_control(
    bound: Bound, value: float, verdict: str
) -> None:
    assert bound.judge(value, {"floor": 2.0}) == verdict


def test_with_fewer_cores_nothing_is_judged() -> None:
    requirement = Requirement(least(1.6), cores=4)
    assert requirement.bounds(2) == (None, None)
    assert requirement.bounds(4) == (least(1.6), None)


def report_of(cores: int = 2, **medians: float) -> Report:
    figures = {
        key.replace("__", "."): Figure(key=key, unit="ms", runs=[value - 1, value, value + 9], load="")
        for key, value in medians.items()
    }
    return Report(machine="", cores=cores, figures=figures)


def test_a_must_can_be_met_while_the_aim_is_missed() -> None:
    assert assess(report_of(push__p50_ms=6.0), "push.p50_ms") == (
        Assessment("≤ 8", "met"),
        Assessment("≤ 5", "missed"),
    )


def test_a_relative_bound_is_told_as_the_number_it_comes_to() -> None:
    report = report_of(
        freshness__p50_ms=8.1, freshness__floor_p50_ms=2.0, freshness__twin_p50_ms=9.0
    )  # fmt: skip
    assert assess(report, "freshness.p50_ms") == (Assessment("≤ 8", "missed"), Assessment("≤ 9", "met"))


def test_without_its_control_a_figure_is_not_judged() -> None:
    assert assess(report_of(freshness__p50_ms=1.0), "freshness.p50_ms") == (Assessment(), Assessment())


def test_the_second_worker_counts_where_there_are_cores_for_it() -> None:
    key = "scale.two_workers_ratio"
    assert assess(report_of(scale__two_workers_ratio=1.0), key)[0] == Assessment()
    assert assess(report_of(4, scale__two_workers_ratio=1.0), key)[0] == Assessment("≥ 1.6", "missed")


def test_a_key_that_is_not_listed_is_no_figure() -> None:
    with pytest.raises(KeyError, match="requirements"):
        figure("push.p51_ms", [1.0], "ms", load="")


def test_every_control_that_a_bound_names_is_a_key() -> None:
    """A misspelt control would never be measured, and its figure never judged."""
    bounds = [bound for one in REQUIREMENTS.values() for bound in (one.must, one.aim) if bound]
    assert {bound.of for bound in bounds if bound.of} <= REQUIREMENTS.keys()


def test_no_aim_asks_less_than_its_must() -> None:
    medians = dict.fromkeys(REQUIREMENTS, 1.0)
    lax = {
        key
        for key, one in REQUIREMENTS.items()
        if one.must
        and one.aim
        and not one.aim.of
        and one.must.judge(one.aim.limit(medians) or 0, medians) != "met"
    }
    assert lax == set()
    assert Requirement() == NOTHING
