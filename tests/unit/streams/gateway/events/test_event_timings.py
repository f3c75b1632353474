"""A trace is of the newest event that a version includes, and only a bounded number is kept."""

from __future__ import annotations

import pytest

from schemas.ids import Version, VisitorId
from streams.gateway.events import event_timings
from streams.gateway.events.event_timings import EVENTS_MAX, EventTimings

ANN, BOB, CY = VisitorId("a:ann"), VisitorId("a:bob"), VisitorId("a:cy")


def version(offset: int) -> str:
    return Version(1, 0, offset).text()


def test_the_newest_event_that_a_version_includes() -> None:
    timings = EventTimings()
    for offset in (3, 5):
        timings.record(ANN, offset, float(offset), offset + 0.5)
    timing = timings.find(ANN, version(4))
    assert timing is not None
    assert (timing.offset, timing.received, timing.accepted) == (3, 3_000, 3_500)
    for visitor, text in ((ANN, version(2)), (BOB, version(9)), (ANN, "no version")):
        assert timings.find(visitor, text) is None


def test_the_oldest_events_and_visitors_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_timings, "VISITORS_MAX", 2)
    timings = EventTimings()
    for offset in range(EVENTS_MAX + 1):
        timings.record(ANN, offset, 0.0, 0.0)
    assert timings.find(ANN, version(0)) is None
    assert timings.find(ANN, version(1)) is not None
    timings.record(BOB, 1, 0.0, 0.0)
    timings.record(CY, 1, 0.0, 0.0)
    assert timings.find(ANN, version(9)) is None
    assert timings.find(BOB, version(9)) is not None
