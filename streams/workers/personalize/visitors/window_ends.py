"""When windows are over: an hour of their partition's record time after the last id, nobody looks at them.

They are deleted by the write that passes that moment. What is noted here is lost with the process; those
windows expire (`Lifetimes.window_s`), and a fold that still finds one leaves it alone.
"""

from __future__ import annotations

from collections import OrderedDict

from models.visitor.sessions import minute_of
from schemas.ids import VisitorId
from streams.workers.group.ownership import Holding

SLACK_MINUTES = 30
"""How far the clocks of brokers may be apart that lead a partition one after the other."""
NOTED_MAX = 50_000
"""Visitors of a partition: some 5 MB. Who is driven out expires."""
ENDED_AT_ONCE = 64
"""Windows deleted with one chunk."""


class WindowEnds:
    """The last minutes of the windows that this process wrote, by partition; void under another holding."""

    def __init__(self) -> None:
        self._ends: dict[int, tuple[Holding, OrderedDict[VisitorId, int]]] = {}

    def note(self, holding: Holding, visitor: VisitorId, end: int) -> None:
        """A window was written that is needed up to this minute (epoch)."""
        ends = self._of(holding)
        ends[visitor] = end + SLACK_MINUTES
        ends.move_to_end(visitor)
        if len(ends) > NOTED_MAX:
            ends.popitem(last=False)

    def take(self, holding: Holding, arrival: float) -> list[VisitorId]:
        """Visitors whose windows are over when a record arrives then (epoch seconds); forgotten here."""
        ends, minute = self._of(holding), minute_of(arrival)
        ended: list[VisitorId] = []
        while ends and len(ended) < ENDED_AT_ONCE and next(iter(ends.values())) < minute:
            ended.append(ends.popitem(last=False)[0])
        return ended

    def _of(self, holding: Holding) -> OrderedDict[VisitorId, int]:
        held, ends = self._ends.get(holding.partition, (None, OrderedDict[VisitorId, int]()))
        if held is not holding:
            ends = OrderedDict()
            self._ends[holding.partition] = holding, ends
        return ends
