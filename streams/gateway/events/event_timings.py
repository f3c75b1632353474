"""Receive and Kafka-acknowledge times of the latest events posted here, for the demo's panel."""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Struct

from schemas.errors import InvalidToken
from schemas.ids import Version, VisitorId

VISITORS_MAX = 2_000
EVENTS_MAX = 8
"""Events remembered of one visitor: a version that is asked for is of one of the last events."""


class EventTiming(Struct, frozen=True):
    """When an event arrived here and when Kafka acknowledged it; epoch milliseconds."""

    offset: int
    received: float
    accepted: float


class EventTimings:
    """The last EVENTS_MAX events of the last VISITORS_MAX visitors; older ones are forgotten."""

    def __init__(self) -> None:
        self._timings: OrderedDict[VisitorId, list[EventTiming]] = OrderedDict()

    def record(self, visitor: VisitorId, offset: int, received_s: float, accepted_s: float) -> None:
        """Remember an accepted event; times are epoch seconds."""
        timings = self._timings.setdefault(visitor, [])
        self._timings.move_to_end(visitor)
        timings.append(EventTiming(offset, received_s * 1000, accepted_s * 1000))
        del timings[:-EVENTS_MAX]
        if len(self._timings) > VISITORS_MAX:
            self._timings.popitem(last=False)

    def find(self, visitor: VisitorId, version: str) -> EventTiming | None:
        """The newest event that a version includes; None when it was not posted here, or is forgotten."""
        try:
            offset = Version.parse(version).offset
        except InvalidToken:
            return None
        included = [timing for timing in self._timings.get(visitor, ()) if timing.offset <= offset]
        return included[-1] if included else None
