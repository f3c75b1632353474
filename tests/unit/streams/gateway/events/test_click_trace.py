"""A trace is of the newest event that a version includes, and only a bounded number is kept."""

from __future__ import annotations

import pytest

from schemas.ids import Version, VisitorId
from streams.gateway.events import click_trace
from streams.gateway.events.click_trace import EVENTS_MAX, ClickTraces

ANN, BOB, CY = VisitorId("a:ann"), VisitorId("a:bob"), VisitorId("a:cy")


def version(offset: int) -> str:
    return Version(1, 0, offset).text()


def test_the_newest_event_that_a_version_includes() -> None:
    traces = ClickTraces()
    for offset in (3, 5):
        traces.record(ANN, offset, float(offset), offset + 0.5)
    span = traces.find(ANN, version(4))
    assert span is not None
    assert (span.offset, span.received, span.accepted) == (3, 3_000, 3_500)
    for visitor, text in ((ANN, version(2)), (BOB, version(9)), (ANN, "no version")):
        assert traces.find(visitor, text) is None


def test_the_oldest_events_and_visitors_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click_trace, "VISITORS_MAX", 2)
    traces = ClickTraces()
    for offset in range(EVENTS_MAX + 1):
        traces.record(ANN, offset, 0.0, 0.0)
    assert traces.find(ANN, version(0)) is None
    assert traces.find(ANN, version(1)) is not None
    traces.record(BOB, 1, 0.0, 0.0)
    traces.record(CY, 1, 0.0, 0.0)
    assert traces.find(ANN, version(9)) is None
    assert traces.find(BOB, version(9)) is not None
