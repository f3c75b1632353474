"""When this gateway took and Kafka accepted the last events of its visitors; for the demo's panel."""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Struct

from schemas.errors import InvalidToken
from schemas.ids import Version, VisitorId

VISITORS_MAX = 2_000
EVENTS_MAX = 8
"""Of one visitor: a version is of one of the last events."""


class TraceSpan(Struct, frozen=True):
    """An event from its arrival here until Kafka accepted it; epoch milliseconds."""

    offset: int
    received: float
    accepted: float


class ClickTraces:
    """The last EVENTS_MAX events of the last VISITORS_MAX visitors; older ones are forgotten."""

    def __init__(self) -> None:
        self._spans: OrderedDict[VisitorId, list[TraceSpan]] = OrderedDict()

    def record(self, visitor: VisitorId, offset: int, received_s: float, accepted_s: float) -> None:
        """Remember an accepted event; times are epoch seconds."""
        spans = self._spans.setdefault(visitor, [])
        self._spans.move_to_end(visitor)
        spans.append(TraceSpan(offset, received_s * 1000, accepted_s * 1000))
        del spans[:-EVENTS_MAX]
        if len(self._spans) > VISITORS_MAX:
            self._spans.popitem(last=False)

    def find(self, visitor: VisitorId, version: str) -> TraceSpan | None:
        """The newest event that a version includes; None when it was not posted here, or is forgotten."""
        try:
            offset = Version.parse(version).offset
        except InvalidToken:
            return None
        included = [span for span in self._spans.get(visitor, ()) if span.offset <= offset]
        return included[-1] if included else None
