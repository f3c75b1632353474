"""When this gateway took and Kafka accepted the last events of its visitors; for the demo's panel."""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Struct

from schemas.errors import InvalidToken
from schemas.ids import Version, VisitorId

VISITORS_MAX = 2_000
EVENTS_MAX = 8


class TraceSpan(Struct, frozen=True):
    """An event's first steps; epoch milliseconds."""

    offset: int
    received: float
    accepted: float


class ClickTraces:
    """Bounded: the oldest visitors and events are forgotten."""

    def __init__(self) -> None:
        self._legs: OrderedDict[VisitorId, list[TraceSpan]] = OrderedDict()

    def note(self, visitor: VisitorId, offset: int, received_s: float, accepted_s: float) -> None:
        """An event was accepted; times are epoch seconds."""
        legs = self._legs.setdefault(visitor, [])
        self._legs.move_to_end(visitor)
        legs.append(TraceSpan(offset, received_s * 1000, accepted_s * 1000))
        del legs[:-EVENTS_MAX]
        if len(self._legs) > VISITORS_MAX:
            self._legs.popitem(last=False)

    def of(self, visitor: VisitorId, version: str) -> TraceSpan | None:
        """The newest event that a version includes, when it was posted here."""
        try:
            offset = Version.parse(version).offset
        except InvalidToken:
            return None
        known = [leg for leg in self._legs.get(visitor, ()) if leg.offset <= offset]
        return known[-1] if known else None
